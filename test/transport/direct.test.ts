import { once } from 'node:events'
import { connect, createServer, Socket, type AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { directHandle, prepareDirectIO, readInto, writeDirectly } from '../../lib/transport/direct.js'

const pair = async (t: Test): Promise<{ accepted: Socket, client: Socket }> => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = await once(server, 'connection')
  t.teardown(() => {
    client.destroy()
    accepted.destroy()
  })
  return { accepted, client }
}

t.test('nothing is used before it was tried', async (t) => {
  const { accepted } = await pair(t)
  t.equal(directHandle(accepted), undefined)
  t.equal(readInto(accepted, Buffer.alloc(1), () => true), false)
})

t.test('it works on this version of Node, and is tried once', async (t) => {
  const tested = prepareDirectIO()
  t.equal(prepareDirectIO(), tested)
  t.equal(await tested, true)
})

t.test('an accepted socket reads into the buffer it is given', async (t) => {
  const { accepted, client } = await pair(t)
  const buffer = Buffer.alloc(8)
  const seen: string[] = []
  let wake = (): void => {}
  t.equal(readInto(accepted, buffer, function (length) {
    t.equal(this, accepted)
    seen.push(buffer.toString('latin1', 0, length))
    wake()
    return true
  }), true)
  accepted.resume()
  client.write('more than eight')
  while (seen.join('') !== 'more than eight') await new Promise<void>((resolve) => { wake = resolve })
  t.ok(seen.every(({ length }) => length <= 8))
  client.end()
  await once(accepted, 'end')
})

t.test('a write is done, pending, or refused', async (t) => {
  const { accepted, client } = await pair(t)
  const handle = directHandle(accepted)!
  const never = (): void => { t.fail('it was done at once') }
  t.equal(writeDirectly(handle, Buffer.from('a'), never), 'done')
  t.equal(writeDirectly(handle, [Buffer.from('b'), Buffer.from('c')], never), 'done')
  const large = Buffer.alloc(16_777_216, 'x')
  const written = new Promise<number>((resolve) => { t.equal(writeDirectly(handle, large, resolve), 'pending') })
  const received: Buffer[] = []
  client.on('data', (bytes) => { received.push(bytes) })
  t.equal(await written, 0)
  accepted.end()
  await once(client, 'end')
  t.ok(Buffer.concat(received).equals(Buffer.concat([Buffer.from('abc'), large])))
})

t.test('a write that ends with the connection tells an error', async (t) => {
  const { accepted, client } = await pair(t)
  const handle = directHandle(accepted)!
  accepted.on('error', () => {})
  const written = new Promise<number>((resolve) => { t.equal(writeDirectly(handle, Buffer.alloc(16_777_216), resolve), 'pending') })
  accepted.destroy()
  t.ok(await written < 0)
  t.equal(writeDirectly(handle, Buffer.from('x'), () => {}), 'refused')
  client.destroy()
})

t.test('a stream that is no connection has none of it', async (t) => {
  const stream = new PassThrough()
  t.equal(directHandle(stream), undefined)
  t.equal(readInto(stream, Buffer.alloc(1), () => true), false)
  t.equal(readInto(new Socket(), Buffer.alloc(1), () => true), false)
})
