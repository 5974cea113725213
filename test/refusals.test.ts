import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { fastifyWire } from '../index.js'
import { refuseWhileClosing, watchUpgrade } from '../lib/refusals.js'
import { WireServer } from '../lib/server.js'
import type { Upgrade } from '../lib/upgrade/response.js'
import { createApp, listen } from './fixtures/app.js'
import { RawClient } from './fixtures/client.js'
import { createHttp2App, Http2Client, listenHttp2 } from './fixtures/http2.js'

const refused = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => undefined, (error: unknown) => error)

t.test('upgrades that are refused are counted by the code of the error, or else by the status', async (t) => {
  const app = await createApp(t)
  app.ws('/open', (socket) => { socket.close(1000) })
  app.ws('/throws', { onRequest: async () => { throw Object.assign(new Error('no'), { code: 'MY_CODE', statusCode: 403 }) } }, () => {})
  app.ws('/replies', { preValidation: async (_request, reply) => reply.code(401).send() }, () => {})
  app.get('/resource', async () => '')
  await app.injectWS('/open')
  t.match(await refused(app.injectWS('/throws')), { statusCode: 403 })
  t.match(await refused(app.injectWS('/throws')), { statusCode: 403 })
  t.match(await refused(app.injectWS('/replies')), { statusCode: 401 })
  t.match(await refused(app.injectWS('/nowhere')), { statusCode: 404 })
  t.match(await refused(app.injectWS('/resource')), { statusCode: 404 })
  t.match(await refused(app.injectWS('/open', { headers: { 'sec-websocket-version': '5' } })), { statusCode: 426 })
  t.equal((await app.inject('/open')).statusCode, 426)
  t.same(app.websocketServer.metrics().refusals, { MY_CODE: 2, 401: 1, 404: 2, FST_WIRE_VERSION: 1 })
})

t.test('of two registrations side by side each counts what its routes refuse', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const scopes: FastifyInstance[] = []
  for (const name of ['one', 'two']) {
    await app.register(async (scope) => {
      await scope.register(fastifyWire)
      scopes.push(scope)
      scope.ws(`/${name}`, { onRequest: async () => { throw Object.assign(new Error('no'), { code: `NOT_${name}` }) } }, () => {})
    })
  }
  const [one, two] = scopes as [FastifyInstance, FastifyInstance]
  const port = await listen(app)
  for (const url of ['/one', '/two']) t.match(await new RawClient(t, port).upgrade(url), ' 500 ')
  t.same(one.websocketServer.metrics().refusals, { NOT_one: 1 })
  t.same(two.websocketServer.metrics().refusals, { NOT_two: 1 })
})

t.test('a refusal is told, and of which request, where a hook of the plugin was reached', async (t) => {
  const seen: unknown[] = []
  const see = (report: unknown): void => { seen.push(report) }
  subscribe('fastify-wire:refuse', see)
  t.teardown(() => { unsubscribe('fastify-wire:refuse', see) })
  const app = Fastify({ genReqId: () => 'the request' })
  t.teardown(() => app.close())
  app.addHook('onRequest', async (request, reply) => {
    if (request.url === '/early?a') return reply.code(429).send()
    if (request.url === '/early?b') throw Object.assign(new Error('too early'), { statusCode: 425 })
  })
  await app.register(fastifyWire)
  app.ws('/early', () => {})
  app.ws('/demo/:id', { onRequest: async (_request, reply) => reply.code(403).send() }, () => {})
  for (const url of ['/early?a', '/early?b', '/demo/5', '/nowhere']) await refused(app.injectWS(url))
  t.same(seen, [
    { requestId: undefined, route: undefined, url: '/early?a', statusCode: 429, reason: '429' },
    { requestId: 'the request', route: '/early', url: '/early?b', statusCode: 425, reason: '425' },
    { requestId: 'the request', route: '/demo/:id', url: '/demo/5', statusCode: 403, reason: '403' },
    { requestId: 'the request', route: undefined, url: '/nowhere', statusCode: 404, reason: '404' }
  ])
})

t.test('over HTTP/2 a client that leaves before the answer was not refused', async (t) => {
  const app = await createHttp2App(t)
  let enter = (): void => {}
  const entered = new Promise<void>((resolve) => { enter = resolve })
  const gone = new Promise<void>((resolve) => {
    app.ws('/demo', { preHandler: (request) => { request.raw.once('close', resolve); enter(); return new Promise(() => {}) } }, () => { t.fail('no socket') })
  })
  app.ws('/refused', { onRequest: async (_request, reply) => reply.code(401).send() }, () => { t.fail('no socket') })
  const client = await Http2Client.connect(t, await listenHttp2(app))
  const stream = client.request('/demo')
  await entered
  stream.close(8)
  await gone
  const peer = await client.open('/refused')
  t.equal(peer.status, 401)
  await peer.closed()
  await client.get('/')
  t.same(app.websocketServer.metrics().refusals, { 401: 1 })
})

t.test('hooks that do not answer are a refusal with a code, in the counts, the log and the answer', async (t) => {
  const lines: Array<Record<string, unknown>> = []
  const app = await createApp(t, { handshakeTimeout: 30 }, { logger: { level: 'warn', stream: { write (line: string) { lines.push(JSON.parse(line)) } } } })
  app.ws('/hangs', { onRequest: () => new Promise<void>(() => {}) }, () => {})
  t.match(await refused(app.injectWS('/hangs')), { statusCode: 503, headers: { 'retry-after': '10' }, body: /FST_WIRE_HANDSHAKE_UNANSWERED/ })
  t.match(lines, [{ reqId: 'req-1', msg: /did not answer within 30 ms/ }])
  t.same(app.websocketServer.metrics().refusals, { FST_WIRE_HANDSHAKE_UNANSWERED: 1 })
})

t.test('so they are where they run before those of the plugin, and the request is not known', async (t) => {
  const lines: Array<Record<string, unknown>> = []
  const app = Fastify({ logger: { level: 'warn', stream: { write (line: string) { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  app.addHook('onRequest', () => new Promise<void>(() => {}))
  await app.register(fastifyWire, { handshakeTimeout: 30 })
  app.ws('/hangs', () => {})
  t.match(await refused(app.injectWS('/hangs')), { statusCode: 503 })
  t.match(lines, [{ reqId: undefined, url: '/hangs' }])
  t.same(app.websocketServer.metrics().refusals, { FST_WIRE_HANDSHAKE_UNANSWERED: 1 })
})

t.test('what is refused past Fastify is counted by its code, and tells when to come again', async (t) => {
  const server = new WireServer()
  const written: unknown[] = []
  const response = Object.assign(new EventEmitter(), { statusCode: 503 })
  const upgrade = {
    response, hasBegun: true, isAccepted: false, refuse: (status: number, headers: object, body: string) => { written.push([status, headers], JSON.parse(body)) }
  } as unknown as Upgrade
  watchUpgrade(server, { url: '/' } as IncomingMessage, upgrade)
  refuseWhileClosing(upgrade)
  response.emit('finish')
  t.match(written, [[503, { 'retry-after': '10' }], { statusCode: 503, code: 'FST_WIRE_CLOSING' }])
  t.same(server.metrics().refusals, { FST_WIRE_CLOSING: 1 })
})
