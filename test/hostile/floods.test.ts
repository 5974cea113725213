// A peer that floods the server is served in turns of the event loop, over every kind of connection, and in order.
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { fastifyWire, type SocketRouteOptions, type WireSocket } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient, upgradeHead } from '../fixtures/client.js'
import { deflateAlone } from '../fixtures/deflate.js'
import { clientFrame } from '../fixtures/frames.js'
import { createHttp2App, Http2Client, listenHttp2 } from '../fixtures/http2.js'
import { turn } from '../fixtures/memory.js'

const COUNT = 4_000
// A share in the turn that reads, and one in line; a share is 256 messages that cost no more than themselves.
const MOST_IN_A_TURN = 512 + 64

interface Flooded {
  /** What came, in its order. */
  readonly seen: string[]
  readonly code: Promise<number>
}

const serve = (app: FastifyInstance, options: SocketRouteOptions = {}): Promise<Flooded> => new Promise((resolve) => {
  app.ws('/demo', options, (socket: WireSocket) => {
    const seen: string[] = []
    socket.on('message', (data: Buffer) => { seen.push(data.length > 100 ? String(data.length) : String(data)) })
    socket.on('ping', (data) => { seen.push(`ping ${String(data)}`) })
    resolve({ seen, code: new Promise((resolve) => { socket.on('close', resolve) }) })
  })
})

const numbers = Array.from({ length: COUNT }, (_, i) => String(i))
const flood = Buffer.concat([
  ...numbers.map((number) => clientFrame(1, number)), clientFrame(9, 'last'), clientFrame(8, Buffer.from('03e8', 'hex'))
])
const expected = [...numbers, 'ping last']

/** The most that something grew by in one turn of the loop, until `end`. */
const countTurns = async (size: () => number, end: Promise<unknown>): Promise<number> => {
  const state = { isOver: false }
  const over = (): void => { state.isOver = true }
  end.then(over, over)
  let most = 0
  for (let before = size(); !state.isOver; before = size()) {
    await turn()
    most = Math.max(most, size() - before)
  }
  return most
}

/** Waits for the close; returns the most that came in one turn of the loop. */
const watch = async ({ seen, code }: Flooded): Promise<{ code: number, most: number }> => {
  const most = await countTurns(() => seen.length, code)
  return { code: await code, most }
}

const check = async (t: Test, flooded: Flooded): Promise<void> => {
  const { code, most } = await watch(flooded)
  t.equal(code, 1000)
  t.same(flooded.seen, expected)
  t.ok(most <= MOST_IN_A_TURN, `${most} messages in one turn`)
}

t.test('a flood over HTTP/1.1 is received in turns', async (t) => {
  const app = await createApp(t)
  const served = serve(app)
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  client.write(flood)
  await check(t, await served)
})

t.test('a flood that arrives together with the handshake is received in turns', async (t) => {
  const app = await createApp(t)
  const served = serve(app)
  const client = new RawClient(t, await listen(app))
  client.write(Buffer.concat([Buffer.from(upgradeHead()), flood]))
  await check(t, await served)
})

t.test('a flood by a peer that leaves right after it is received in turns', async (t) => {
  const app = await createApp(t)
  const served = serve(app)
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  client.socket.end(flood)
  await check(t, await served)
})

t.test('a flood over TLS is received in turns', async (t) => {
  const file = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url))
  const app = Fastify({ https: { key: file('localhost.key'), cert: file('localhost.crt') } })
  t.teardown(() => app.close())
  await app.register(fastifyWire, { closeTimeout: 500, directIO: process.env['WIRE_DIRECT_IO'] !== 'off' })
  const served = serve(app as unknown as FastifyInstance)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => { client.destroy() })
  client.write(upgradeHead())
  const flooded = await served
  client.resume()
  client.write(flood)
  await check(t, flooded)
})

t.test('a flood over HTTP/2 is received in turns', async (t) => {
  const app = await createHttp2App(t)
  const served = serve(app)
  const client = await Http2Client.connect(t, await listenHttp2(app))
  const peer = await client.open()
  peer.stream.write(flood)
  await check(t, await served)
})

t.test('a flood by a client of injectWS is received in turns', async (t) => {
  const app = await createApp(t)
  const served = serve(app)
  const client = await app.injectWS('/demo')
  for (const number of numbers) client.send(number)
  client.ping('last')
  client.close(1000)
  await check(t, await served)
})

t.test('compressed messages count with their decompressed size', async (t) => {
  const app = await createApp(t)
  const served = serve(app, { perMessageDeflate: true })
  const client = new RawClient(t, await listen(app))
  await client.upgrade('/demo', { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' })
  const bomb = clientFrame(2, deflateAlone(Buffer.alloc(262_144)), { isCompressed: true })
  client.write(Buffer.concat([...new Array<Buffer>(100).fill(bomb), clientFrame(8, Buffer.from('03e8', 'hex'))]))
  const flooded = await served
  const { code, most } = await watch(flooded)
  t.equal(code, 1000)
  t.equal(flooded.seen.length, 100)
  // 512 KiB are a share.
  t.ok(most <= 6, `${most} messages in one turn`)
})

t.test('ten peers that flood at once leave time for another socket in every turn', async (t) => {
  const app = await createApp(t)
  const all: Flooded[] = []
  app.ws('/flood', (socket) => {
    const seen: string[] = []
    socket.on('message', (data) => { seen.push(String(data)) })
    all.push({ seen, code: new Promise((resolve) => { socket.on('close', resolve) }) })
  })
  const port = await listen(app)
  const clients = Array.from({ length: 10 }, () => new RawClient(t, port))
  for (const client of clients) await client.upgrade('/flood')
  for (const client of clients) client.write(flood)
  const total = (): number => all.reduce((sum, { seen }) => sum + seen.length, 0)
  const most = await countTurns(total, Promise.all(all.map(({ code }) => code)))
  t.equal(total(), 10 * COUNT)
  // Two full turns, as one may be read and one be in line, and what ten peers may do though a turn is full.
  t.ok(most <= 2 * 1_024 + 10 * 32, `${most} messages in one turn`)
})
