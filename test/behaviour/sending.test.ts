// What the write at the end of the tick must not change for the application.
import { AsyncLocalStorage } from 'node:async_hooks'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { WireOptions, WireSocket } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { writeBundle } from '../fixtures/processes.js'

/** Sockets of the server with their clients, which keep what they get. */
async function openSockets (
  t: Test, count: number, options: WireOptions = {}
): Promise<Array<{ socket: WireSocket, client: WebSocket, got: Buffer[] }>> {
  const app = await createApp(t, options)
  const opened: WireSocket[] = []
  app.ws('/', (socket) => { opened.push(socket) })
  const port = await listen(app)
  const pairs = []
  for (let i = 0; i < count; i++) {
    const client = new WebSocket(`ws://127.0.0.1:${port}/`)
    t.teardown(() => { client.terminate() })
    const got: Buffer[] = []
    client.on('message', (data: Buffer) => { got.push(data) })
    await once(client, 'open')
    pairs.push({ socket: opened[i]!, client, got })
  }
  return pairs
}

const untilGot = async (client: WebSocket, got: readonly unknown[], count: number): Promise<void> => {
  while (got.length < count) await once(client, 'message')
}

for (const options of [
  {}, { perMessageDeflate: { threshold: 0 } }, { perMessageDeflate: { threshold: 0, serverNoContextTakeover: true } },
  { directIO: false }
] as WireOptions[]) {
  t.test(`a Buffer may be reused when send() returns: ${JSON.stringify(options)}`, async (t) => {
    const [pair] = await openSockets(t, 1, options)
    const { socket, client, got } = pair!
    const buffer = Buffer.alloc(200_000)
    const sizes = [100, 20_000, 70_000, 200_000]
    let number = 0
    for (let round = 0; round < 3; round++) {
      for (const size of sizes) {
        socket.send(buffer.fill(++number).subarray(0, size))
        socket.send(buffer.fill(++number).subarray(0, size), { compress: false })
        socket.send(buffer.fill(++number).subarray(0, size), { fin: false, binary: true })
        socket.send(buffer.subarray(0, size))
      }
    }
    buffer.fill(0)
    await untilGot(client, got, number)
    for (let i = 0; i < number; i++) {
      const size = sizes[Math.floor(i / 3) % sizes.length]!
      t.ok(got[i]!.equals(Buffer.alloc(i % 3 === 2 ? 2 * size : size, i + 1)), `message ${i + 1}`)
    }
  })
}

t.test('a Buffer may be reused when send() returns, even if the peer does not read', async (t) => {
  const [pair] = await openSockets(t, 1)
  const { socket, client, got } = pair!
  client.pause()
  const buffer = Buffer.alloc(1_000_000)
  for (let i = 1; i <= 12; i++) socket.send(buffer.fill(i))
  buffer.fill(0)
  client.resume()
  await untilGot(client, got, 12)
  for (let i = 1; i <= 12; i++) t.ok(got[i - 1]!.equals(Buffer.alloc(1_000_000, i)))
})

t.test('the data of a prepared message may be reused', async (t) => {
  const app = await createApp(t)
  app.ws('/', (socket) => {
    const buffer = Buffer.alloc(50_000, 1)
    const message = app.websocketServer.prepare(buffer)
    buffer.fill(2)
    socket.send(message)
  })
  const client = new WebSocket(`ws://127.0.0.1:${await listen(app)}/`)
  const [data] = await once(client, 'message') as [Buffer]
  t.ok(data.equals(Buffer.alloc(50_000, 1)))
  client.terminate()
})

t.test('a Buffer sent after a Blob, or waiting for room, may be reused', async (t) => {
  const [pair] = await openSockets(t, 1, { backpressure: { policy: 'wait', limit: 100_000 } })
  const { socket, client, got } = pair!
  const buffer = Buffer.alloc(30_000, 1)
  socket.send(new Blob(['blob']))
  socket.send(buffer)
  buffer.fill(2)
  await untilGot(client, got, 2)
  t.equal(String(got[0]), 'blob')
  t.ok(got[1]!.equals(Buffer.alloc(30_000, 1)))
  client.pause()
  while (socket.send(Buffer.alloc(1_000_000)) !== 'refused');
  const sent = socket.sent(buffer)
  buffer.fill(3)
  client.resume()
  await sent
  socket.send('last')
  while (String(got.at(-1)) !== 'last') await once(client, 'message')
  t.ok(got.at(-2)!.equals(Buffer.alloc(30_000, 2)))
})

t.test('a peer that reads is not disconnected because much was sent in one tick', async (t) => {
  const [pair] = await openSockets(t, 1)
  const { socket, client, got } = pair!
  for (let i = 0; i < 16_000; i++) socket.send('x'.repeat(1_024))
  t.equal(socket.readyState, socket.OPEN)
  await untilGot(client, got, 16_000)
})

t.test('nothing is buffered for a peer that reads everything', async (t) => {
  const [pair] = await openSockets(t, 1)
  const { socket, client, got } = pair!
  for (let i = 0; i < 5; i++) {
    t.equal(socket.bufferedAmount, 0)
    socket.send('x'.repeat(i * 10_000))
  }
  t.equal(socket.bufferedAmount, 0)
  await untilGot(client, got, 5)
})

t.test('flush() sends within the tick', async (t) => {
  const [pair] = await openSockets(t, 1)
  const { socket } = pair!
  socket.send('progress')
  const handle = Reflect.get(socket._socket, '_handle') as { bytesWritten: number, fd: number }
  let isWritten = false
  socket.flush()
  socket.send('x', () => { isWritten = true })
  socket.flush()
  // A stream of Node.js holds the second write back until the tick ends.
  if (process.env['WIRE_DIRECT_IO'] !== 'off') t.equal(socket.bufferedAmount, 0)
  t.equal(isWritten, false, 'and calls back behind it')
  t.ok(handle.fd > 0)
  await new Promise(setImmediate)
  t.equal(isWritten, true)
})

t.test('fake timers do not delay messages', async (t) => {
  const [pair] = await openSockets(t, 1)
  const { socket, client, got } = pair!
  const { nextTick } = process
  process.nextTick = () => { t.fail('a fake was used') }
  socket.send('sent under fake timers')
  process.nextTick = nextTick
  await untilGot(client, got, 1)
  t.equal(String(got[0]), 'sent under fake timers')
})

t.test('messages and closes are sent even if the process exits in the same tick', async (t) => {
  const script = await writeBundle(t.testdir(), 'test/fixtures/exiting-server.ts')
  for (const what of ['in the listener', 'later', 'close']) {
    const child = fork(script, { execArgv: [] })
    t.teardown(() => { child.kill() })
    const [port] = await once(child, 'message') as [string]
    const client = new WebSocket(`ws://127.0.0.1:${port}/`)
    const got: string[] = []
    client.on('message', (data: Buffer) => { got.push(String(data)) }).on('error', () => {})
    await once(client, 'open')
    client.send(what)
    const [code] = await once(client, 'close')
    if (what === 'close') t.equal(code, 1012)
    else t.same(got, ['bye'], what)
  }
})

t.test('listeners and callbacks run in the async context of their own socket or caller', async (t) => {
  const storage = new AsyncLocalStorage<string>()
  const app = await createApp(t)
  const seen: string[] = []
  const sockets = new Map<string, WireSocket>()
  app.addHook('onRequest', (request, _reply, done) => { storage.run((request.query as { id: string }).id, done) })
  app.ws('/', (socket, request) => {
    const { id } = request.query as { id: string }
    const note = (what: string) => (): void => { seen.push(`${what} of ${id} in ${String(storage.getStore())}`) }
    sockets.set(id, socket)
    socket.on('message', note('message')).on('close', note('close')).on('drain', note('drain'))
  })
  const port = await listen(app)
  const clients = new Map<string, WebSocket>()
  for (const id of ['a', 'b']) {
    const client = new WebSocket(`ws://127.0.0.1:${port}/?id=${id}`)
    await once(client, 'open')
    clients.set(id, client)
  }
  // Both leave at the end of the same tick, more than the kernel takes.
  const callbacks = Array.from(sockets, ([id, socket]) => new Promise<void>((resolve) => {
    storage.run(`sender to ${id}`, () => {
      socket.send(Buffer.alloc(12_000_000), () => { seen.push(`callback of ${id} in ${String(storage.getStore())}`) })
      socket.once('drain', resolve)
    })
  }))
  await Promise.all(callbacks)
  for (const [id, client] of clients) {
    client.send('hi')
    await once(sockets.get(id)!, 'message')
    const closed = once(sockets.get(id)!, 'close')
    storage.run('closer', () => { sockets.get(id)!.terminate() })
    await closed
  }
  t.same(seen.sort(), ['a', 'b'].flatMap((id) => [
    `callback of ${id} in sender to ${id}`, `close of ${id} in ${id}`, `drain of ${id} in ${id}`,
    `message of ${id} in ${id}`
  ]).sort())
})

t.test('a Duplex of the application that is passed to the server is served', async (t) => {
  const app = await createApp(t)
  app.ws('/', (socket) => { socket.on('message', (data) => { socket.send(String(data)) }) })
  // Nothing in memory keeps the process alive.
  await listen(app)
  let written = ''
  const stream = new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, callback) {
      written += chunk.toString('latin1')
      callback()
      stream.emit('written')
    }
  })
  app.server.emit('connection', stream)
  const head = [
    'GET / HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  ]
  stream.push(`${head.join('\r\n')}\r\n\r\n`)
  while (!written.endsWith('\r\n\r\n')) await once(stream, 'written')
  stream.push(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
  while (!written.endsWith('\x81\x02hi')) await once(stream, 'written')
  t.match(written, /^HTTP\/1\.1 101 /)
  stream.destroy()
})
