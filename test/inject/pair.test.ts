import { once } from 'node:events'
import t from 'tap'
import { MemorySocket } from '../../lib/inject/pair.js'

function createPair (transform = (bytes: Buffer) => bytes): { near: MemorySocket, far: MemorySocket } {
  const near = new MemorySocket({
    remoteAddress: '127.0.0.1', remotePort: 80, localAddress: '192.0.2.7', localPort: 1, encrypted: false, transform
  })
  const far = new MemorySocket({
    remoteAddress: '::1', remotePort: 1, localAddress: '127.0.0.1', localPort: 80, encrypted: true, transform
  })
  near.connect(far)
  far.connect(near)
  return { near, far }
}

t.test('an end has addresses, and accepts the settings of a socket', async (t) => {
  const { near, far } = createPair()
  t.match(far, { remoteAddress: '::1', remoteFamily: 'IPv6', remotePort: 1, encrypted: true })
  t.same(near.address(), { address: '192.0.2.7', family: 'IPv4', port: 1 })
  t.equal(near.setTimeout().setNoDelay().setKeepAlive().ref().unref(), near)
})

t.test('written data arrives at the other end, transformed, copied and asynchronously', async (t) => {
  const { near, far } = createPair((bytes) => bytes.map((byte) => byte + 1) as Buffer)
  const bytes = Buffer.from('abc')
  const seen: string[] = []
  far.on('data', (data: Buffer) => { seen.push(data.toString()) })
  near.write(bytes)
  bytes.fill(0)
  t.same(seen, [])
  await once(far, 'data')
  t.same(seen, ['bcd'])
})

t.test('the writer waits for a reader that has stopped', async (t) => {
  const { near, far } = createPair()
  let written = 0
  const size = 65_536
  const total = 8
  for (let i = 0; i < total; i++) near.write(Buffer.alloc(size), () => { written++ })
  await new Promise<void>((resolve) => { setImmediate(resolve) })
  t.ok(written < total, `${written} of ${total} written`)
  let read = 0
  const all = new Promise<void>((resolve) => {
    far.on('data', (data: Buffer) => {
      read += data.length
      if (read === size * total) resolve()
    })
  })
  await all
  t.equal(read, size * total)
})

t.test('ending one side ends the other for reading, which may continue to write', async (t) => {
  const { near, far } = createPair()
  near.end()
  far.resume()
  await once(far, 'end')
  const ended = once(near, 'end')
  far.end('last')
  t.equal(String((await once(near, 'data'))[0]), 'last')
  await ended
})

t.test('destroying one side ends the other, and writing to it fails', async (t) => {
  const { near, far } = createPair()
  far.resume()
  near.destroy()
  far.write('lost')
  const [error] = await once(far, 'error')
  t.equal(error.code, 'EPIPE')

  const both = createPair()
  both.near.destroy()
  both.far.destroy()
  await once(both.far, 'close')
})
