// Express changes the prototypes of request and response, and its middleware wraps the methods of a response.
import { once } from 'node:events'
import expressPlugin from '@fastify/express'
import middie from '@fastify/middie'
import express, { type RequestHandler } from 'express'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { fastifyWire } from '../../index.js'
import { listen } from '../fixtures/app.js'
import { RawClient, text } from '../fixtures/client.js'
import { createHttp2App, Http2Client, listenHttp2 } from '../fixtures/http2.js'

/** What packages such as on-headers, compression and tracing agents do with a response. */
const wrapping: RequestHandler = (_request, response, next) => {
  const { writeHead, end } = response
  response.writeHead = function (this: unknown, ...args: unknown[]) {
    response.setHeader('x-wrapped', 'yes')
    return Reflect.apply(writeHead, this, args)
  } as typeof writeHead
  response.end = function (this: unknown, ...args: unknown[]) {
    // As compression and express-session do.
    const own = response as unknown as { _header?: string, _implicitHeader (): void }
    if (!own._header) own._implicitHeader()
    return Reflect.apply(end, this, args)
  } as typeof end
  next()
}

const MOUNTS: Record<string, (app: FastifyInstance) => Promise<void>> = {
  '@fastify/express': async (app) => {
    await app.register(expressPlugin)
    app.use((_request, response, next) => {
      response.setHeader('x-express', 'yes')
      next()
    })
  },
  '@fastify/express with middleware that wraps the response': async (app) => {
    await app.register(expressPlugin)
    app.use(wrapping)
  },
  'an Express application under @fastify/middie': async (app) => {
    await app.register(middie)
    const mounted = express()
    mounted.get('/old', (_request, response) => { response.send('old') })
    app.use(mounted)
  }
}

function addRoutes (app: FastifyInstance): void {
  app.ws('/own', (socket) => { socket.on('message', (data) => { socket.send(`own: ${String(data)}`) }) })
  app.get(
    '/shared', { websocket: true },
    (socket) => { socket.on('message', (data) => { socket.send(`shared: ${String(data)}`) }) }
  )
  app.ws('/refused', { preHandler: async (_request, reply) => reply.code(403).send({ message: 'no' }) }, () => {})
}

async function createApp (t: Test, mount: (app: FastifyInstance) => Promise<void>): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await mount(app)
  await app.register(fastifyWire, { closeTimeout: 500 })
  addRoutes(app)
  return app
}

async function ask (url: string): Promise<string> {
  const client = new WebSocket(url)
  await once(client, 'open')
  client.send('hello')
  const [data] = await once(client, 'message')
  client.close()
  await once(client, 'close')
  return String(data)
}

for (const [name, mount] of Object.entries(MOUNTS)) {
  t.test(`sockets open with ${name}, and refusals are complete answers`, async (t) => {
    const app = await createApp(t, mount)
    const port = await listen(app)
    t.equal(await ask(`ws://127.0.0.1:${port}/own`), 'own: hello')
    t.equal(await ask(`ws://127.0.0.1:${port}/shared`), 'shared: hello')
    const refused = new RawClient(t, port)
    const head = await refused.upgrade('/refused')
    t.match(head, /^HTTP\/1\.1 403 Forbidden\r\n/)
    t.match((await refused.readEnd()).toString(), /\{"message":"no"\}/)
    t.match(await new RawClient(t, port).upgrade('/nowhere'), /^HTTP\/1\.1 404 Not Found\r\n/)
    t.equal(app.websocketServer.metrics().refusals['403'], 1)
  })

  t.test(`sockets are injected with ${name}`, async (t) => {
    const app = await createApp(t, mount)
    const client = await app.injectWS('/own')
    const message = once(client, 'message')
    client.send('injected')
    t.equal(String((await message)[0]), 'own: injected')
    client.terminate()
    t.match(await app.injectWS('/refused').catch((error: unknown) => error), {
      statusCode: 403, body: '{"message":"no"}'
    })
  })
}

t.test('headers that Express middleware sets are on the 101', async (t) => {
  const app = await createApp(t, MOUNTS['@fastify/express']!)
  const client = new RawClient(t, await listen(app))
  t.match(await client.upgrade('/own'), /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*x-express: yes\r\n/)
  client.write(text('hello'))
  t.equal(await client.readText(), 'own: hello')
})

t.test('a handshake over HTTP/2 with Express is answered, and the process survives', async (t) => {
  const app = await createHttp2App(t)
  await app.register(expressPlugin)
  app.use((_request, _response, next) => { next() })
  addRoutes(app)
  const client = await Http2Client.connect(t, await listenHttp2(app))
  const peer = await client.open('/own')
  t.equal(peer.status, 200)
  peer.send(1, 'hello')
  t.equal(await peer.readText(), 'own: hello')
  const refused = await client.open('/refused')
  t.equal(refused.status, 403)
  t.equal(await refused.readEnd(), '{"message":"no"}')
  t.equal(await refused.closed(), 0)
  peer.sendClose(1000)
  t.equal(await peer.readClose(), 1000)
  peer.stream.end()
  await peer.closed()
})

t.test('an error thrown by middleware is answered, and the process survives', async (t) => {
  const app = await createApp(t, async (app) => {
    await app.register(expressPlugin)
    app.use(() => { throw new Error('a middleware failed') })
  })
  t.match(await new RawClient(t, await listen(app)).upgrade('/own'), /^HTTP\/1\.1 500 Internal Server Error\r\n/)
})
