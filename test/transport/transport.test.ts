import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t from 'tap'
import { Transport } from '../../lib/transport/transport.js'

const setUp = (onBytes: (bytes: Buffer, transport: Transport) => void = () => {}) => {
  const writes: Buffer[][] = []
  const events: unknown[] = []
  const stream = new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, callback) {
      writes.push([Buffer.from(chunk)])
      callback()
    },
    writev (chunks, callback) {
      writes.push(chunks.map(({ chunk }) => Buffer.from(chunk)))
      callback()
    }
  })
  const transport: Transport = new Transport(stream, {
    bytes: (bytes) => { onBytes(bytes, transport) },
    ended: () => { events.push('ended') },
    drained: () => { events.push('drained') },
    closed: () => { events.push('closed') }
  })
  return { writes, events, stream, transport }
}

const write = (transport: Transport, text: string): void => {
  const at = transport.reserve(text.length)
  transport.chunk.write(text, at)
}

const tick = () => new Promise<void>((resolve) => { process.nextTick(resolve) })

t.test('what is written in one tick leaves side by side in one write', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'ab')
  write(transport, 'cd')
  t.equal(transport.bufferedAmount, 4)
  await tick()
  t.same(writes, [[Buffer.from('abcd')]])
  t.equal(transport.bufferedAmount, 0)
})

t.test('two transports that write in turn do not mix', async (t) => {
  const first = setUp()
  const second = setUp()
  for (const text of ['a', 'b', 'c']) {
    write(first.transport, text)
    write(second.transport, text.toUpperCase())
  }
  await tick()
  t.equal(Buffer.concat(first.writes.flat()).toString(), 'abc')
  t.equal(Buffer.concat(second.writes.flat()).toString(), 'ABC')
})

t.test('a large piece keeps its place, uncopied', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'a')
  transport.append(Buffer.from('large'))
  write(transport, 'b')
  t.equal(transport.bufferedAmount, 7)
  await tick()
  t.same(writes, [[Buffer.from('a'), Buffer.from('large'), Buffer.from('b')]])
})

t.test('room for more than a slab, and for many slabs, is found', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'x'.repeat(100_000))
  for (let i = 0; i < 100; i++) write(transport, 'y'.repeat(5_000))
  await tick()
  const written = Buffer.concat(writes.flat())
  t.ok(written.equals(Buffer.from('x'.repeat(100_000) + 'y'.repeat(500_000))))
})

t.test('answers to a chunk leave when it is read', async (t) => {
  const { writes, stream, transport } = setUp((bytes, transport) => {
    write(transport, bytes.toString())
    write(transport, '!')
  })
  transport.open(Buffer.from('head'))
  t.same(writes, [[Buffer.from('head!')]])
  stream.push('more')
  await once(stream, 'data')
  t.same(writes[1], [Buffer.from('more!')])
})

t.test('a callback comes when all before it has left, also with nothing to send', async () => {
  const { transport } = setUp()
  write(transport, 'a')
  await new Promise<void>((resolve, reject) => { transport.whenWritten((error) => { if (error == null) resolve(); else reject(error) }) })
  await new Promise<void>((resolve) => { transport.whenWritten(() => { resolve() }) })
})

t.test('destroy drops what is queued, and says so', async (t) => {
  const { writes, events, stream, transport } = setUp()
  transport.open(Buffer.alloc(0))
  write(transport, 'a')
  const error = await new Promise((resolve) => {
    transport.whenWritten(resolve)
    transport.destroy()
  })
  t.ok(error instanceof Error)
  await once(stream, 'close')
  write(transport, 'b')
  await tick()
  t.same(writes, [])
  t.same(events, ['closed'])
})

t.test('end sends what is queued, and reads on', async (t) => {
  const seen: string[] = []
  const { writes, events, stream, transport } = setUp((bytes) => { seen.push(bytes.toString()) })
  transport.open(Buffer.alloc(0))
  transport.pause()
  write(transport, 'last')
  transport.end()
  transport.end()
  write(transport, 'too late')
  t.same(writes, [[Buffer.from('last')]])
  stream.push('still read')
  stream.push(null)
  await once(stream, 'end')
  t.same(seen, ['still read'])
  t.equal(events[0], 'ended')
})

t.test('a stream that was paused in the handler stays so', async (t) => {
  const { stream, transport } = setUp()
  transport.pause()
  transport.open(Buffer.alloc(0))
  t.equal(stream.isPaused(), true)
  transport.resume()
  t.equal(stream.isPaused(), false)
  t.equal(transport.stream, stream)
})

t.test('drained is told', async (t) => {
  const { events, stream, transport } = setUp()
  transport.open(Buffer.alloc(0))
  stream.emit('drain')
  t.same(events, ['drained'])
})
