import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import { fastifyWire, type WireSocket } from '../../index.js'
import { closeFrame, closeOf, text, upgradeHead } from '../fixtures/client.js'
import { randomBytes } from '../fixtures/deflate.js'
import { clientFrame, readFrames } from '../fixtures/frames.js'
import { turn } from '../fixtures/memory.js'

const https = {
  key: readFileSync(new URL('../fixtures/localhost.key', import.meta.url)),
  cert: readFileSync(new URL('../fixtures/localhost.crt', import.meta.url))
}

const startServer = async (t: Test, handler: (socket: WireSocket) => void) => {
  const app = Fastify({ https })
  t.teardown(() => app.close())
  await app.register(fastifyWire, {
    closeTimeout: 500, maxPayload: 4_194_304, directIO: process.env['WIRE_DIRECT_IO'] !== 'off'
  })
  app.get('/demo', async () => 'plain')
  app.ws('/demo', handler)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

const echo = (socket: WireSocket): void => {
  socket.on(
    'message', (data, isBinary) => { socket.send(data, { binary: isBinary }) }
  )
}

const connectTls = (t: Test, port: number): TLSSocket => {
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => { client.destroy() })
  return client
}

/** A bare TLS client after the handshake, and the socket that answers it. */
const upgrade = async (t: Test): Promise<{
  client: TLSSocket,
  socket: WireSocket,
  read: (
  length: number
  ) => Promise<Buffer>
}> => {
  let open = (_socket: WireSocket): void => {}
  const opened = new Promise<WireSocket>((resolve) => { open = resolve })
  const port = await startServer(t, (socket) => { open(socket) })
  const client = connectTls(t, port)
  client.write(upgradeHead())
  const received = { parts: [] as Buffer[], length: 0 }
  let wake = (): void => {}
  client.on('data', (bytes: Buffer) => {
    received.parts.push(bytes)
    received.length += bytes.length
    wake()
  })
  const read = async (length: number): Promise<Buffer> => {
    while (received.length < length) await new Promise<void>((resolve) => { wake = resolve })
    const all = Buffer.concat(received.parts)
    received.parts = [all.subarray(length)]
    received.length -= length
    return all.subarray(0, length)
  }
  const socket = await opened
  let head = ''
  while (!head.endsWith('\r\n\r\n')) head += (await read(1)).toString()
  return { client, socket, read }
}

t.test('behind TLS: a conversation, a wss location, and a plain answer to a foreign upgrade', async (t) => {
  const port = await startServer(t, echo)
  const client = new WebSocket(`wss://127.0.0.1:${port}/demo`, { rejectUnauthorized: false })
  await once(client, 'open')
  client.send('hello')
  t.equal(String((await once(client, 'message'))[0]), 'hello')
  client.close(4000, 'bye')
  t.equal((await once(client, 'close'))[0], 4000)

  const ask = async (head: string, until: string): Promise<string> => {
    const socket = connectTls(t, port)
    socket.write(head)
    let all = ''
    while (!all.includes(until)) all += String((await once(socket, 'data'))[0])
    socket.destroy()
    return all
  }
  t.match(await ask(upgradeHead('/demo', { Upgrade: 'h2c' }), 'plain'), ' 200 OK')
  t.match(
    await ask(
      'GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: example.com:443\r\nOrigin: https://example.com\r\n\r\n',
      '\r\n\r\n'
    ),
    'WebSocket-Origin: https://example.com\r\nWebSocket-Location: wss://example.com/demo\r\n')
})

t.test('messages of every size go both ways over TLS', async (t) => {
  const port = await startServer(t, echo)
  const client = new WebSocket(`wss://127.0.0.1:${port}/demo`, { rejectUnauthorized: false, perMessageDeflate: false })
  await once(client, 'open')
  for (const size of [0, 125, 126, 16_384, 16_385, 65_535, 65_536, 300_000, 4_194_304]) {
    const payload = Buffer.alloc(size, randomBytes(997, size + 1))
    client.send(payload)
    t.ok(payload.equals((await once(client, 'message'))[0]), `${size} bytes`)
    const letters = payload.toString('base64url', 0, Math.min(size, 1_000_000))
    client.send(letters)
    t.ok(String((await once(client, 'message'))[0]) === letters, `${letters.length} characters`)
  }
  client.terminate()
})

t.test('many small messages in one chunk are answered in their order', async (t) => {
  const { client, socket, read } = await upgrade(t)
  t.equal(
    socket._socket.listenerCount('data'), process.env['WIRE_DIRECT_IO'] === 'off' ? 1 : 0,
    'TLS is read into the page as well'
  )
  echo(socket)
  const payloads = Array.from({ length: 5_000 }, (_, i) => Buffer.from(`message ${i} ${'x'.repeat(i % 50)}`))
  client.write(Buffer.concat(payloads.map((payload) => clientFrame(1, payload))))
  const frames = readFrames(await read(payloads.reduce((sum, { length }) => sum + 2 + length, 0)))
  t.equal(frames.length, payloads.length)
  t.same(frames.findIndex(({ payload }, i) => !payload.equals(payloads[i]!)), -1)
})

t.test('a slow reader receives everything, and then drain is emitted', async (t) => {
  const { client, socket, read } = await upgrade(t)
  client.pause()
  let drains = 0
  socket.on('drain', () => { drains++ })
  const source = randomBytes(1_100_000, 3)
  const payloads = Array.from({ length: 60 }, (_, i) => source.subarray(i * 1_000, i * 1_000 +
    [10, 1_000, 100_000, 1_000_000][i % 4]!))
  const called: number[] = []
  const left = Promise.all(payloads.map((payload, i) => new Promise<void>((resolve, reject) => {
    socket.send(payload, (error) => {
      called.push(i)
      if (error == null) resolve()
      else reject(error)
    })
  })))
  await turn()
  socket.send('behind them')
  await turn()
  t.ok(socket.bufferedAmount > 5_000_000)
  t.equal(drains, 0)
  const length = payloads.reduce((sum, { length }) => sum + length + (length < 126 ? 2 : length < 65_536 ? 4 : 10), 0)
  const drained = once(socket, 'drain')
  client.resume()
  const frames = readFrames(await read(length + 13))
  await left
  await drained
  await turn()
  t.equal(drains, 1)
  t.equal(socket.bufferedAmount, 0)
  t.same(called, payloads.map((_, i) => i))
  t.same(payloads.findIndex((payload, i) => !frames[i]!.payload.equals(payload)), -1)
  t.equal(frames.at(-1)!.payload.toString(), 'behind them')
})

t.test('a paused socket stops the peer, and resume() continues where it stopped', async (t) => {
  const { client, socket } = await upgrade(t)
  const seen: number[] = []
  socket.on('message', (data) => { seen.push((data as Buffer).length) })
  socket.once('message', () => { socket.pause() })
  const payload = Buffer.alloc(50_000, 'x')
  const total = 600
  for (let i = 0; i < total; i++) client.write(clientFrame(2, payload))
  await once(socket, 'message')
  for (let i = 0; i < 20; i++) await turn()
  t.equal(seen.length, 1)
  t.ok(socket.traffic.bytesReceived < 5_000_000)
  const all = new Promise<void>((resolve) => { socket.on('message', () => { if (seen.length === total) resolve() }) })
  socket.resume()
  await all
  t.ok(seen.every((length) => length === payload.length))
})

t.test('the close of either side is answered, and the connection ends', async (t) => {
  const theirs = await upgrade(t)
  const ended = once(theirs.client, 'end')
  theirs.client.write(Buffer.concat([text('last'), closeFrame(4001)]))
  t.equal(String((await once(theirs.socket, 'message'))[0]), 'last')
  t.equal(await closeOf(theirs.socket), 4001)
  t.same((await theirs.read(4)).toString('hex'), '88020fa1')
  await ended

  const ours = await upgrade(t)
  ours.socket.send('last')
  ours.socket.close(1001)
  t.equal((await ours.read(10)).toString('hex'), '81046c617374880203e9')
  ours.client.write(closeFrame(1001))
  t.equal(await closeOf(ours.socket), 1001)

  const lost = await upgrade(t)
  lost.client.destroy()
  t.equal(await closeOf(lost.socket), 1006)
})
