// Plugins of Fastify that work by hooks, on an upgrade.
import { once } from 'node:events'
import cookie from '@fastify/cookie'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import rateLimit from '@fastify/rate-limit'
import session from '@fastify/session'
import underPressure from '@fastify/under-pressure'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import Fastify from 'fastify'
import t from 'tap'
import { WebSocket } from 'ws'
import { fastifyWire, type InjectError } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly client: WebSocket
  /** The first one, listened for from the beginning: it may come together with the 101. */
  readonly message: Promise<string>
}

/** The answer of an upgrade, whatever it is. */
function upgrade (url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const client = new WebSocket(url, { headers })
  const message = new Promise<string>((resolve) => { client.on('message', (data) => { resolve(String(data)) }) })
  return new Promise((resolve, reject) => {
    client.on('upgrade', (response) => { resolve({ status: 101, headers: response.headers, client, message }) })
    client.on('unexpected-response', (request, response) => {
      response.resume()
      response.on('end', () => { request.destroy() })
      resolve({ status: Number(response.statusCode), headers: response.headers, client, message })
    })
    client.on('error', reject)
  })
}

t.test('@fastify/rate-limit: counts upgrades, from a port and without one', async (t) => {
  const app = await createApp(t)
  await app.register(rateLimit, { max: 2, timeWindow: '1 minute' })
  app.ws('/demo', (socket) => { socket.close(1000) })
  app.get('/drop-in', { websocket: true, config: { rateLimit: { max: 1 } } }, (socket) => { socket.close(1000) })
  const url = `ws://127.0.0.1:${await listen(app)}`
  const answers = [await upgrade(`${url}/demo`), await upgrade(`${url}/demo`), await upgrade(`${url}/demo`)]
  t.same(answers.map(({ status }) => status), [101, 101, 429])
  t.equal(answers[0]?.headers['x-ratelimit-remaining'], '1')
  t.ok(Number(answers[2]?.headers['retry-after']) > 0)
  t.same([(await upgrade(`${url}/drop-in`)).status, (await upgrade(`${url}/drop-in`)).status], [101, 429])
  t.equal(await app.injectWS('/demo').then(() => 101, ({ statusCode }: InjectError) => statusCode), 429)
  await (await app.injectWS('/demo', { remoteAddress: '192.0.2.7' }))[Symbol.asyncDispose]()
})

t.test('@fastify/cookie and @fastify/session: the 101 starts a session, which the next upgrade has', async (t) => {
  const app = await createApp(t)
  await app.register(cookie)
  await app.register(session, { secret: 's'.repeat(32), cookie: { secure: false } })
  app.ws('/demo', {
    onRequest: async (request, reply) => {
      request.session.visits = (request.session.visits ?? 0) + 1
      reply.setCookie('theme', 'dark')
    }
  }, (socket, request) => { socket.send(`${request.session.visits}, ${request.cookies['theme']}`) })
  const url = `ws://127.0.0.1:${await listen(app)}/demo`

  const first = await upgrade(url)
  t.equal(await first.message, '1, undefined')
  first.client.close()
  const cookies = [first.headers['set-cookie'] ?? []].flat().map((line) => line.split(';', 1)[0])
  t.equal(cookies.length, 2)
  const second = await upgrade(url, { cookie: cookies.join('; ') })
  t.equal(await second.message, '2, dark')
  second.client.close()
})

t.test('@fastify/otel: an upgrade has a span that contains its hooks and handler', async (t) => {
  const exporter = new InMemorySpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const instrumentation = new FastifyOtelInstrumentation()
  instrumentation.setTracerProvider(provider)
  const app = Fastify()
  t.teardown(() => app.close())
  t.teardown(() => provider.shutdown())
  await app.register(instrumentation.plugin())
  await app.register(fastifyWire)
  app.ws('/wire', (socket) => { socket.close(1000) })
  app.get('/drop-in', { websocket: true }, (socket) => { socket.close(1000) })
  const port = await listen(app)
  for (const path of ['/wire', '/drop-in']) {
    const { client } = await upgrade(`ws://127.0.0.1:${port}${path}`)
    await once(client, 'close')
    const spans = exporter.getFinishedSpans()
    const request = spans.find(({ name, attributes }) => name === 'request' && attributes['url.path'] === path)
    t.ok(request, `${path} has a span`)
    t.equal(request?.attributes['http.response.status_code'], 101)
    t.equal(request?.attributes['http.route'], path)
    const handler = spans.find(({ name, parentSpanContext }) => /handler/.test(name) &&
      parentSpanContext?.spanId === request?.spanContext().spanId)
    t.ok(handler, `${path} has a span of its handler`)
  }
})

t.test('@fastify/under-pressure: upgrades get 503 under pressure', async (t) => {
  const app = await createApp(t)
  let isWell = true
  await app.register(underPressure, {
    healthCheck: async () => isWell, exposeStatusRoute: true, healthCheckInterval: 1
  })
  app.ws('/demo', (socket) => { socket.close(1000) })
  const url = `127.0.0.1:${await listen(app)}`
  t.equal((await upgrade(`ws://${url}/demo`)).status, 101)
  isWell = false
  // It looks now and then: ask until it has seen it.
  while (!app.isUnderPressure()) await fetch(`http://${url}/status`)
  const refused = await upgrade(`ws://${url}/demo`)
  t.equal(refused.status, 503)
  t.equal(refused.headers['retry-after'], '10')
})

declare module 'fastify' {
  interface Session {
    visits?: number
  }
}
