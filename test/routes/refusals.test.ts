import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import Fastify, {
  type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest, type FastifyServerOptions
} from 'fastify'
import t, { type Test } from 'tap'
import { fastifyWire, type InjectContext, type WireOptions } from '../../index.js'
import { NoSocket } from '../../lib/errors.js'
import { logNotFound, logRefusal, refuseWhileClosing, watchUpgrade } from '../../lib/routes/refusals.js'
import { RefusalLog } from '../../lib/server/refusal-log.js'
import { WireServer } from '../../lib/server/server.js'
import type { Upgrade } from '../../lib/upgrade/response.js'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient } from '../fixtures/client.js'
import { createHttp2App, Http2Client, listenHttp2 } from '../fixtures/http2.js'

const { LogController } = createRequire(import.meta.url)('fastify') as {
  LogController: new (
    options: object
  ) => object
}

const refused = (promise: Promise<unknown>): Promise<unknown> => promise.then(
  () => undefined, (error: unknown) => error
)

t.test('refused upgrades are counted by the code of the error, or by the status', async (t) => {
  const app = await createApp(t)
  app.ws('/open', (socket) => { socket.close(1000) })
  app.ws('/throws', {
    onRequest: async () => {
      throw Object.assign(new Error('no'), {
        code: 'MY_CODE', statusCode: 403
      })
    }
  }, () => {})
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
  t.same(app.websocketServer.metrics().refusals, {
    MY_CODE: 2, 401: 1, 404: 1, FST_WIRE_NO_SOCKET: 1, FST_WIRE_VERSION: 1
  })
})

t.test('each of two registrations counts the refusals of its own routes', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const scopes: FastifyInstance[] = []
  for (const name of ['one', 'two']) {
    await app.register(async (scope) => {
      await scope.register(fastifyWire)
      scopes.push(scope)
      scope.ws(`/${name}`, {
        onRequest: async () => { throw Object.assign(new Error('no'), { code: `NOT_${name}` }) }
      }, () => {})
    })
  }
  const [one, two] = scopes as [FastifyInstance, FastifyInstance]
  const port = await listen(app)
  for (const url of ['/one', '/two']) t.match(await new RawClient(t, port).upgrade(url), ' 500 ')
  t.same(one.websocketServer.metrics().refusals, { NOT_one: 1 })
  t.same(two.websocketServer.metrics().refusals, { NOT_two: 1 })
})

t.test('a refusal is published, with its request if a hook of the plugin was reached', async (t) => {
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

t.test('a client that leaves before the answer over HTTP/2 does not count as refused', async (t) => {
  const app = await createHttp2App(t)
  let enter = (): void => {}
  const entered = new Promise<void>((resolve) => { enter = resolve })
  const gone = new Promise<void>((resolve) => {
    app.ws('/demo', {
      preHandler: (request) => {
        request.raw.once('close', resolve)
        enter()
        return new Promise(() => {})
      }
    }, () => { t.fail('no socket') })
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

t.test('hooks that never answer cause a refusal with a code, in the metrics, the log and the answer', async (t) => {
  const lines: Array<Record<string, unknown>> = []
  const app = await createApp(t, { handshakeTimeout: 30 }, {
    logger: { level: 'warn', stream: { write (line: string) { lines.push(JSON.parse(line)) } } }
  })
  app.ws('/hangs', { onRequest: () => new Promise<void>(() => {}) }, () => {})
  t.match(await refused(app.injectWS('/hangs')), {
    statusCode: 503, headers: { 'retry-after': '10' }, body: /FST_WIRE_HANDSHAKE_UNANSWERED/
  })
  t.match(lines, [{ reqId: 'req-1', refused: { url: '/hangs', timeout: 30 }, msg: /did not answer in time/ }])
  t.same(app.websocketServer.metrics().refusals, { FST_WIRE_HANDSHAKE_UNANSWERED: 1 })
})

t.test('hooks that run before those of the plugin and never answer are logged without a request id', async (t) => {
  const lines: Array<Record<string, unknown>> = []
  const app = Fastify({ logger: { level: 'warn', stream: { write (line: string) { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  app.addHook('onRequest', () => new Promise<void>(() => {}))
  await app.register(fastifyWire, { handshakeTimeout: 30 })
  app.ws('/hangs', () => {})
  t.match(await refused(app.injectWS('/hangs')), { statusCode: 503 })
  t.match(lines, [{ reqId: undefined, refused: { url: '/hangs' } }])
  t.same(app.websocketServer.metrics().refusals, { FST_WIRE_HANDSHAKE_UNANSWERED: 1 })
})

t.test('refusals without a request of Fastify are counted by their code, and carry Retry-After', async (t) => {
  const server = new WireServer()
  const written: unknown[] = []
  const response = Object.assign(new EventEmitter(), { statusCode: 503 })
  const upgrade = {
    response,
    hasBegun: true,
    isAccepted: false,
    refuse: (status: number, headers: object, body: string) => { written.push([status, headers], JSON.parse(body)) }
  } as unknown as Upgrade
  watchUpgrade(server, { url: '/' } as IncomingMessage, upgrade)
  refuseWhileClosing(upgrade)
  response.emit('finish')
  t.match(written, [[503, { 'retry-after': '10' }], { statusCode: 503, code: 'FST_WIRE_CLOSING' }])
  t.same(server.metrics().refusals, { FST_WIRE_CLOSING: 1 })
})

interface Line { level: number, reqId?: string, msg: string, err?: unknown, refused?: { code: string, count?: number } }

/** An application that logs with the defaults, and its log lines. */
async function createLogged (
  t: Test, options: WireOptions = {}, server: FastifyServerOptions = {}
): Promise<{ app: FastifyInstance, lines: Line[], texts: string[] }> {
  const lines: Line[] = []
  const texts: string[] = []
  const write = (text: string): void => {
    texts.push(text)
    lines.push(JSON.parse(text) as Line)
  }
  const app = await createApp(t, options, { logger: { level: 'info', stream: { write } }, ...server })
  return { app, lines, texts }
}

t.test('a flood of refusals logs at most 400 bytes each, with no stack and no line of level error', async (t) => {
  const refusals: Array<[options: WireOptions, context: InjectContext, code: string]> = [
    [{ maxConnections: 1 }, {}, 'FST_WIRE_CONNECTIONS'],
    [{ maxConnectionsPerAddress: 1 }, {}, 'FST_WIRE_CONNECTIONS_ADDRESS'],
    [{}, { headers: { origin: 'https://evil.example' } }, 'FST_WIRE_ORIGIN'],
    [{}, { headers: { 'sec-websocket-key': 'short' } }, 'FST_WIRE_KEY'],
    [{ options: { verifyClient: () => false } }, {}, 'FST_WIRE_CLIENT_REFUSED'],
    [{ options: { verifyClient: (_info, settle) => { settle(false, 503) } } }, {}, 'FST_WIRE_CLIENT_REFUSED']
  ]
  for (const [options, context, code] of refusals) {
    const { app, lines, texts } = await createLogged(t, options)
    app.ws('/demo', () => {})
    const first = code.startsWith('FST_WIRE_CONNECTIONS') ? await app.injectWS('/demo') : undefined
    texts.length = lines.length = 0
    for (let i = 0; i < 20; i++) await refused(app.injectWS('/demo', context))
    first?.terminate()
    await app.close()
    const bytes = texts.filter((text) => !text.includes('socket closed')).reduce((sum, text) => sum + text.length, 0)
    t.ok(bytes / 20 <= 400, `${code}: ${bytes / 20} bytes`)
    t.same(lines.filter(({ level, err }) => level >= 50 || err !== undefined), [], code)
    const [one, sum, ...more] = lines.filter((line) => line.refused?.code === code)
    t.ok(one?.reqId, 'the first is told by its request')
    t.match(sum, { refused: { count: 19 } })
    t.same(more, [])
    t.equal(lines.filter(({ msg }) => msg === 'request completed').length, 0)
  }
})

t.test('a flood of upgrades to a URL without a socket logs at most 400 bytes each', async (t) => {
  const { app, lines, texts } = await createLogged(t)
  app.get('/resource', async () => '')
  app.get('/*', { websocket: true }, () => {})
  for (let i = 0; i < 10; i++) t.match(await refused(app.injectWS('/resource')), { statusCode: 404 })
  await app.close()
  t.ok(texts.join('').length / 10 <= 400)
  t.match(lines.filter((line) => line.refused !== undefined), [
    { refused: { code: 'FST_WIRE_NO_SOCKET' } }, { refused: { code: 'FST_WIRE_NO_SOCKET', count: 9 } }
  ])
})

t.test('an error handler of the application receives each refusal, and its own log lines stay', async (t) => {
  const { app, lines } = await createLogged(t, { maxConnections: 1 })
  app.setErrorHandler((error: Error, request, reply) => {
    request.log.error({ err: error }, 'mine')
    reply.code(418).send({ mine: error.message })
  })
  app.ws('/demo', () => {})
  const client = await app.injectWS('/demo')
  for (let i = 0; i < 2; i++) t.match(await refused(app.injectWS('/demo')), { statusCode: 418, body: /"mine"/ })
  client.terminate()
  t.equal(lines.filter(({ msg }) => msg === 'mine').length, 2)
  t.match(lines.find((line) => line.refused !== undefined), {
    refused: { code: 'FST_WIRE_CONNECTIONS', statusCode: 418 }
  })
})

t.test('a refusal by a hook of the application is logged as Fastify does', async (t) => {
  const { app, lines } = await createLogged(t)
  app.ws('/demo', { onRequest: async () => { throw Object.assign(new Error('mine'), { statusCode: 503 }) } }, () => {})
  await refused(app.injectWS('/demo'))
  await app.close()
  t.match(lines.slice(1), [{ level: 50, msg: 'mine', err: { stack: /mine/ } }, { msg: 'request completed' }])
})

t.test('refusals that are the fault of a client are not logged if Fastify logs no requests', async (t) => {
  const { app, lines } = await createLogged(t, { maxConnections: 1 }, {
    logController: new LogController({ disableRequestLogging: true })
  } as object)
  app.ws('/demo', () => {})
  await refused(app.injectWS('/demo', { headers: { 'sec-websocket-key': 'short' } }))
  const client = await app.injectWS('/demo')
  await refused(app.injectWS('/demo'))
  client.terminate()
  await app.close()
  t.match(lines, [{ refused: { code: 'FST_WIRE_CONNECTIONS' } }])
  t.equal(lines.length, 1)
})

t.test('logRefusal() returns the error unchanged, and leaves the log of plain requests to Fastify', async (t) => {
  const log = { info: () => {} } as unknown as FastifyBaseLogger
  const request = { log } as FastifyRequest
  const reply = { log, raw: {} } as FastifyReply
  for (const error of [undefined, null, 'text', new Error('mine'), new NoSocket('/demo')]) {
    t.equal(logRefusal(request, reply, error), error)
  }
  t.equal(request.log, log)
})

t.test('an upgrade that is refused twice is logged with the first reason', async (t) => {
  const lines: unknown[] = []
  const log = { info: (fields: object) => { lines.push(fields) } } as unknown as FastifyBaseLogger
  const server = new WireServer({}, () => {}, new RefusalLog(log))
  t.teardown(() => { server.refusals.end() })
  const response = Object.assign(new EventEmitter(), { statusCode: 404 })
  watchUpgrade(
    server, { url: '/' } as IncomingMessage, { response, hasBegun: true, isAccepted: false } as unknown as Upgrade
  )
  const request = { log } as FastifyRequest
  const reply = { log, raw: response as unknown } as FastifyReply
  logRefusal(request, reply, new NoSocket('/demo'))
  const { log: quiet } = request
  logNotFound(request, reply)
  t.equal(request.log, quiet)
  response.emit('finish')
  t.match(lines, [{ refused: { code: 'FST_WIRE_NO_SOCKET', statusCode: 404 } }])
})
