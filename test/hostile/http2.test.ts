// Peers that harm by frames of HTTP/2 itself. Most of it nghttp2 holds back, which Node.js carries: these tests say
// that it does so with sockets on the connection, and that those on other connections do not feel it. Reset streams are
// in test/behaviour/http2.test.ts.
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { WireOptions, WireSocket } from '../../index.js'
import { closeOf } from '../fixtures/client.js'
import { clientFrame } from '../fixtures/frames.js'
import { createHttp2App, Http2Client, listenHttp2, type Http2Socket } from '../fixtures/http2.js'
import { turn } from '../fixtures/memory.js'
import { heldBytes, heldSince } from './held.js'
import {
  connectFields, CONTINUATION, DATA, HEADERS, http2Frame, initialWindow, openStream, PING, RawHttp2, reset, SETTINGS,
  windowUpdate
} from '../fixtures/raw-http2.js'

const MEBIBYTE = 1_048_576

interface Server {
  readonly app: FastifyInstance
  readonly port: number
  readonly sockets: WireSocket[]
  readonly honest: Http2Socket
}

const serve = async (t: Test, options: WireOptions = {}): Promise<Server> => {
  const app = await createHttp2App(t, { origin: true, ...options })
  const sockets: WireSocket[] = []
  app.ws('/demo', (socket) => { sockets.push(socket) })
  app.ws('/honest', (socket) => { socket.on('message', (data) => { socket.send(String(data)) }) })
  const origin = await listenHttp2(app)
  const honest = await (await Http2Client.connect(t, origin)).open('/honest')
  return { app, port: (app.server.address() as AddressInfo).port, sockets, honest }
}

/** Another connection goes on as if nothing was. */
const expectHonest = async (t: Test, honest: Http2Socket, name: string): Promise<void> => {
  honest.send(1, name)
  t.equal(await honest.readText(), name)
}

t.test('a peer that floods settings or pings without reading has its connection closed', async (t) => {
  const { port, sockets, honest } = await serve(t)
  for (const [name, flood] of [
    ['settings', http2Frame(SETTINGS)], ['pings', http2Frame(PING, 0, 0, Buffer.alloc(8))]
  ] as const) {
    const client = await RawHttp2.connect(t, port)
    client.socket.write(openStream(1))
    await client.until(HEADERS)
    const closed = closeOf(sockets.at(-1) as WireSocket)
    const before = await heldBytes()
    client.socket.pause()
    const written = await client.flood(Buffer.concat(Array<Buffer>(1_000).fill(flood)), 64 * MEBIBYTE)
    client.socket.resume()
    t.ok(written < 64 * MEBIBYTE, `${name}: cut behind ${written} bytes`)
    await expectHonest(t, honest, name)
    t.equal(await closed, 1006, name)
    client.socket.destroy()
    t.ok(await heldSince(before, 4 * MEBIBYTE) < 4 * MEBIBYTE, name)
  }
})

t.test('a flood of pings by a peer that reads is answered, and its socket stays open', async (t) => {
  const { port, sockets, honest } = await serve(t)
  const client = await RawHttp2.connect(t, port)
  client.socket.write(openStream(1))
  await client.until(HEADERS)
  client.socket.write(Buffer.concat(Array<Buffer>(500).fill(http2Frame(PING, 0, 0, Buffer.alloc(8)))))
  await client.until(PING, 500)
  const message = new Promise((resolve) => { sockets[0]?.once('message', (data) => { resolve(String(data)) }) })
  client.socket.write(http2Frame(DATA, 0, 1, clientFrame(1, 'still here')))
  t.equal(await message, 'still here')
  await expectHonest(t, honest, 'read')
})

t.test('headers with endless continuation frames end the connection', async (t) => {
  const { port, sockets, honest } = await serve(t)
  const before = await heldBytes()
  const client = await RawHttp2.connect(t, port)
  client.socket.write(http2Frame(HEADERS, 0, 1, connectFields()))
  const field = Buffer.concat([Buffer.of(0, 1), Buffer.from('x'), Buffer.of(100), Buffer.alloc(100, 'a')])
  const written = await client.flood(
    http2Frame(CONTINUATION, 0, 1, Buffer.concat(Array<Buffer>(100).fill(field))), 32 * MEBIBYTE
  )
  t.ok(written < 32 * MEBIBYTE, `cut behind ${written} bytes`)
  await client.over()
  t.equal(sockets.length, 0)
  t.ok(await heldSince(before, 4 * MEBIBYTE) < 4 * MEBIBYTE)
  await expectHonest(t, honest, 'continuation')
})

t.test('window updates that overflow end the stream or the connection, but not the server', async (t) => {
  const { port, sockets, honest } = await serve(t)
  for (const stream of [1, 0]) {
    const client = await RawHttp2.connect(t, port)
    client.socket.write(openStream(1))
    await client.until(HEADERS)
    const closed = closeOf(sockets.at(-1) as WireSocket)
    client.socket.write(Buffer.concat([windowUpdate(stream, 0x7fffffff), windowUpdate(stream, 0x7fffffff)]))
    t.equal(await closed, 1006, `stream ${stream}`)
    await expectHonest(t, honest, `stream ${stream}`)
    client.socket.destroy()
  }
})

t.test('many small window updates cost nothing', async (t) => {
  const { port, sockets, honest } = await serve(t)
  const client = await RawHttp2.connect(t, port)
  client.socket.write(openStream(1))
  await client.until(HEADERS)
  const before = await heldBytes()
  await client.flood(Buffer.concat(Array<Buffer>(1_000).fill(windowUpdate(1, 1))), MEBIBYTE)
  const message = new Promise((resolve) => { sockets[0]?.once('message', (data) => { resolve(String(data)) }) })
  client.socket.write(http2Frame(DATA, 0, 1, clientFrame(1, 'behind them')))
  t.equal(await message, 'behind them')
  t.ok(await heldSince(before, 4 * MEBIBYTE) < 4 * MEBIBYTE)
  await expectHonest(t, honest, 'small')
})

t.test('a peer that opens no window costs the backpressure limit, however many streams it has', async (t) => {
  const LIMIT = 262_144
  const { port, sockets, honest } = await serve(t, { backpressure: { limit: LIMIT, policy: 'drop' } })
  const client = await RawHttp2.connect(t, port, initialWindow(0))
  for (let stream = 1; stream < 40; stream += 2) client.socket.write(openStream(stream))
  await client.until(HEADERS, 20)
  const before = await heldBytes()
  for (let i = 0; i < 200; i++) {
    for (const socket of sockets) socket.send(Buffer.alloc(8_192))
    if (i % 8 === 0) await turn()
  }
  const limit = 20 * (1.5 * LIMIT + 65_536) + MEBIBYTE
  const held = await heldSince(before, limit)
  // A piece of each is in the hands of HTTP/2 beside that.
  t.ok(held < limit, `${held} bytes`)
  t.ok(sockets.every(({ bufferedAmount }) => bufferedAmount <= LIMIT + 8_202))
  t.equal(client.dataBytes, 0)
  await expectHonest(t, honest, 'no window')
  for (const socket of sockets) socket.terminate()
})

t.test('resets that are faster than the handshakes leave nothing behind, or end the connection', async (t) => {
  const { app, port, honest } = await serve(t)
  const client = await RawHttp2.connect(t, port)
  for (let stream = 1; stream < 2_000 && !client.isOver; stream += 2) {
    if (!client.socket.write(Buffer.concat([openStream(stream), reset(stream)])) || stream % 64 === 1) await turn()
  }
  while (app.websocketServer.clients.size > 1) await turn()
  await expectHonest(t, honest, 'resets')
  t.equal(app.websocketServer.metrics().total.open, 1)
})
