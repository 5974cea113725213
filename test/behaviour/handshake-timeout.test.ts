// Peers and hooks that do not finish: each is given up within its bound, and nothing is left of it.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTls } from 'node:tls'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import t, { type Test } from 'tap'
import { fastifyWire } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient, upgradeHead } from '../fixtures/client.js'
import { FakeClock } from '../fixtures/clock.js'
import { turn } from '../fixtures/memory.js'

const HIXIE76 = upgradeHead('/demo', {
  Origin: 'http://example.com',
  Upgrade: 'WebSocket',
  'Sec-WebSocket-Key': undefined,
  'Sec-WebSocket-Version': undefined,
  'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5',
  'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00'
})

// A client that is not read from learns of the end of its connection nevertheless.
const goneOf = (client: RawClient): Promise<void> => new Promise((resolve) => {
  client.socket.once(
    'close', () => { resolve() }
  )
})

// No bound but that of the test itself: a slow machine takes longer.
const ends = async (t: Test, what: string, wait: Promise<unknown>): Promise<void> => {
  await wait
  t.pass(`${what} is over`)
}

/** Sends its bytes one by one, as long as the connection takes them. */
const drip = (client: RawClient, bytes: string): void => {
  let at = 0
  const timer = setInterval(() => {
    if (at < bytes.length && client.socket.writable) client.socket.write(bytes[at++]!)
  }, 5)
  client.socket.once('close', () => { clearInterval(timer) })
}

t.test('a hook that never answers gets 503 after handshakeTimeout, whatever kind of hook it is', async (t) => {
  const clock = new FakeClock(t)
  const lines: string[] = []
  const app = await createApp(t, {}, {
    logger: { level: 'info', stream: { write: (line: string) => { lines.push(line) } } }
  })
  let opened = 0
  const late: Array<() => void> = []
  let enter = (): void => {}
  const hang = (): Promise<void> => new Promise((resolve) => {
    late.push(resolve)
    enter()
  })
  const never = (): void => { enter() }
  const handshakeTimeout = 60
  app.register(async (child) => {
    child.addHook('onRequest', hang)
    child.ws('/context', { handshakeTimeout }, () => { opened++ })
  })
  app.ws('/onRequest', { handshakeTimeout, onRequest: hang }, () => { opened++ })
  app.ws('/callback', { handshakeTimeout, preValidation: never }, () => { opened++ })
  app.ws('/preHandler', { handshakeTimeout, preHandler: hang }, () => { opened++ })
  app.ws('/origin', { handshakeTimeout, origin: async () => { await hang(); return true } }, () => { opened++ })
  app.ws('/onSend', {
    handshakeTimeout,
    onSend: async (_request, _reply, payload) => {
      await hang()
      return payload
    }
  }, () => { opened++ })
  const port = await listen(app)
  for (const path of ['/context', '/onRequest', '/callback', '/preHandler', '/origin', '/onSend']) {
    const client = new RawClient(t, port)
    const entered = new Promise<void>((resolve) => { enter = resolve })
    client.write(upgradeHead(path, { Origin: 'http://example.com' }))
    await entered
    clock.advance(handshakeTimeout)
    await ends(t, path, client.readEnd())
    t.match(client.received.toString(), /^HTTP\/1\.1 503 [^]*"code":"FST_WIRE_HANDSHAKE_UNANSWERED"/, path)
  }
  await app.close()
  t.equal(lines.filter((line) => line.includes('handshakeTimeout sets the limit')).length, 1)
  const count = lines.flatMap((line) => (JSON.parse(line) as { refused?: { count?: number } }).refused?.count ?? [])
  t.equal(count.reduce((sum, more) => sum + more, 1), 6)
  // Hooks that finish later open no socket and do no harm.
  lines.splice(0)
  for (const finish of late) finish()
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
  t.equal(opened, 0)
  t.same(lines, [])
  t.equal(app.websocketServer.clients.size, 0)
})

t.test('a verifyClient or a hook of a drop-in route that never answers gets 503 after handshakeTimeout', async (t) => {
  const clock = new FakeClock(t)
  const late: Array<() => void> = []
  let opened = 0
  const app = await createApp(t, {
    handshakeTimeout: 60_000, options: { verifyClient: (_info, answer) => { late.push(() => { answer(true) }) } }
  })
  app.get('/drop-in', { websocket: true }, () => { opened++ })
  app.ws('/verify', () => { opened++ })
  const port = await listen(app)
  for (const path of ['/drop-in', '/verify']) {
    const client = new RawClient(t, port)
    client.write(upgradeHead(path))
    await clock.expire(60_000)
    await ends(t, path, client.readEnd())
    t.match(client.received.toString(), ' 503 ')
  }
  t.equal(late.length, 2)
  for (const finish of late) finish()
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
  t.equal(opened, 0)
})

t.test('a slow hook that answers within handshakeTimeout is not refused', async (t) => {
  const app = await createApp(t, { handshakeTimeout: 600_000 })
  app.ws('/demo', {
    preHandler: () => new Promise<void>((resolve) => { setImmediate(resolve) })
  }, (socket) => { socket.send('open') })
  const client = new RawClient(t, await listen(app))
  t.match(await client.upgrade(), ' 101 ')
  t.equal(await client.readText(), 'open')
})

t.test('a route may have a longer handshakeTimeout than the plugin, for hooks of its context too', async (t) => {
  const clock = new FakeClock(t)
  const app = Fastify()
  t.teardown(() => app.close())
  app.addHook('onRequest', async () => {
    await turn()
    clock.advance(30_000)
  })
  await app.register(fastifyWire, { handshakeTimeout: 20_000 })
  app.ws('/long', { handshakeTimeout: 600_000 }, () => {})
  app.ws('/short', () => {})
  const port = await listen(app)
  t.match(await new RawClient(t, port).upgrade('/long'), ' 101 ')
  t.match(await new RawClient(t, port).upgrade('/short'), ' 503 ')
  t.match(await new RawClient(t, port).upgrade('/none'), ' 503 ', 'where there is no socket it is that of the plugin')
})

t.test('a hixie-76 handshake whose eight bytes never come gets 408', async (t) => {
  const clock = new FakeClock(t)
  const app = await createApp(t, { handshakeTimeout: 60_000 })
  app.ws('/demo', () => { t.fail('no socket') })
  const port = await listen(app)
  const silent = new RawClient(t, port)
  silent.write(HIXIE76)
  await clock.expire(60_000)
  await ends(t, 'a silent one', silent.readEnd())
  t.match(silent.received.toString(), /^HTTP\/1\.1 408 [^]*FST_WIRE_HANDSHAKE_TIMEOUT/)
  const dripping = new RawClient(t, port)
  dripping.write(HIXIE76 + '123456')
  await clock.expire(60_000)
  await ends(t, 'one that began', dripping.readEnd())
  t.match(dripping.received.toString(), /^HTTP\/1\.1 408 [^]*FST_WIRE_HANDSHAKE_TIMEOUT/)
})

t.test('a client that does not read its refusal is disconnected', async (t) => {
  const app = await createApp(t, { handshakeTimeout: 60 })
  app.ws('/demo', {
    onRequest: async (_request: unknown, reply: FastifyReply) => reply.code(403).send(Buffer.alloc(33_554_432))
  }, () => {})
  const port = await listen(app)
  const client = new RawClient(t, port)
  const connected = once(app.server, 'connection')
  client.socket.pause()
  client.write(upgradeHead())
  const [stream] = await connected
  await ends(t, 'the connection', new Promise((resolve) => { stream.once('close', resolve) }))
})

const startBounded = async (
  t: Test, tls: boolean, handshakeTimeout = 120
): Promise<{ app: FastifyInstance, port: number }> => {
  const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/localhost.${name}`, import.meta.url))
  const app = (tls
    ? Fastify({
      https: { key: fixture('key'), cert: fixture('crt'), handshakeTimeout }
    })
    : Fastify()) as FastifyInstance
  t.teardown(() => app.close())
  await app.register(fastifyWire, { handshakeTimeout: 120 })
  app.ws('/demo', () => { t.fail('no socket') })
  return { app, port: await listen(app) }
}

t.test('a peer that sends nothing, or one byte at a time, is disconnected within the time limit', async (t) => {
  const { port } = await startBounded(t, false)
  const silent = new RawClient(t, port)
  await ends(t, 'a silent one', goneOf(silent))
  const unfinished = new RawClient(t, port)
  unfinished.write(upgradeHead().slice(0, -2))
  await ends(t, 'one that does not finish', goneOf(unfinished))
  t.match(unfinished.received.toString(), ' 408 ')
  const dripping = new RawClient(t, port)
  drip(dripping, upgradeHead('/demo', { 'X-Long': 'a'.repeat(10_000) }))
  await ends(t, 'one that drips', goneOf(dripping))
})

t.test('a silent TLS peer, and one that never finishes the TLS handshake, is disconnected in time', async (t) => {
  const { port } = await startBounded(t, true, 600_000)
  const silent = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => { silent.destroy() })
  silent.on('error', () => {})
  await once(silent, 'secureConnect')
  silent.resume()
  await ends(t, 'a silent one', new Promise((resolve) => { silent.once('close', resolve) }))
  const raw = new RawClient(t, (await startBounded(t, true)).port)
  await ends(t, 'one without TLS', goneOf(raw))
})

t.test('timeouts that the application set on its server are kept', async (t) => {
  const app = await createApp(t, {}, { http: { headersTimeout: 20_000, connectionsCheckingInterval: 7_000 } } as object)
  t.match(app.server, { headersTimeout: 20_000, connectionsCheckingInterval: 7_000 })
  const other = await createApp(t, { handshakeTimeout: 4_000 })
  t.match(other.server, { headersTimeout: 4_000, connectionsCheckingInterval: 1_000 })
})
