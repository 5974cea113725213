// An application written against the types of @fastify/websocket, with nothing but the import changed.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, {
  type FastifyInstance, type FastifyReply, type FastifyRequest, type InjectWSFn, type InjectWSOption,
  type RouteOptions as FastifyRouteOptions
} from 'fastify'
import { expect, test } from 'tstyche'
import Type from 'typebox'
import websocket, {
  fastifyWebsocket, type PlainSocket, type RouteOptions, type WebSocket, type WebsocketHandler,
  type WebsocketPluginOptions, type WireServer, type WireSocket
} from '../index.js'
import type { FastifyWire } from '../index.js'

interface Demo {
  Params: { room: string }
  Querystring: { since: number }
  Headers: { token: string }
}

const app: FastifyInstance = fastify()

test('the plugin goes by the other name, and takes the other options', () => {
  expect(fastifyWebsocket).type.toBe<typeof websocket>()
  app.register(fastifyWebsocket)
  app.register(websocket, {})
  interface OptionsOfWs {
    options: { maxPayload: number, clientTracking: boolean, perMessageDeflate: { threshold: number } }
  }
  expect<WebsocketPluginOptions>().type.toBeAssignableFrom<OptionsOfWs>()
  app.register(websocket, {
    options: {
      verifyClient: (info, next) => { next(info.secure && info.origin !== '', 403, 'no', { 'x-why': 'because' }) },
      handleProtocols: (offered, request) => offered.has('a') && request.url === '/' ? 'a' : false
    },
    preClose: async function () {}
  })
  app.register(websocket, {
    options: { verifyClient: (info: { req: IncomingMessage }) => info.req.url === '/' }, preClose: (done) => { done() }
  })
  expect<WebsocketPluginOptions>().type.not.toBeAssignableFrom<{ options: { maxPayload: string } }>()
  expect<WebsocketPluginOptions>().type.not.toBeAssignableFrom<{ preClose: string }>()
})

test('the default import has the types of the other, and the names of what require() gives', () => {
  expect<websocket.WebSocket>().type.toBe<WebSocket>()
  expect<websocket.WebsocketHandler>().type.toBe<WebsocketHandler>()
  expect<websocket.WebsocketPluginOptions>().type.toBe<WebsocketPluginOptions>()
  expect<websocket.RouteOptions>().type.toBe<RouteOptions>()
  expect<fastifyWebsocket.WebSocket>().type.toBe<WebSocket>()
  app.register(websocket.default, { options: { maxPayload: 1 } })
  app.register(websocket.fastifyWebsocket)
  expect(websocket.fastifyWire).type.toBe<FastifyWire>()
  expect(websocket).type.toBeAssignableTo<FastifyWire>()
})

test('a handler may ask for all of a socket', () => {
  app.get('/all', { websocket: true }, async (socket: WireSocket) => {
    for await (const message of socket) expect(message).type.toBe<unknown>()
  })
  app.get('/some', { websocket: true }, (socket) => {
    expect(socket.latency).type.toBe<number | undefined>()
    expect(socket.version).type.toBe<WireSocket['version'] | undefined>()
  })
  expect<WireSocket>().type.toBeAssignableTo<WebSocket>()
})

test('an errorHandler may be annotated or inferred', () => {
  app.register(websocket, {
    errorHandler (error: Error, socket: WebSocket, request: FastifyRequest, reply: FastifyReply): void {
      expect(this).type.toBe<FastifyInstance>()
      reply.log.error({ error, url: request.url, state: socket.readyState })
    }
  })
  app.register(websocket, {
    errorHandler: function (error, socket, request, reply) {
      expect(error).type.toBe<Error>()
      expect(socket).type.toBe<WireSocket>()
      expect(request).type.toBe<FastifyRequest>()
      expect(reply).type.toBe<FastifyReply>()
    }
  })
})

test('a shorthand with websocket: true has the handler of a socket', () => {
  app.get('/demo', { websocket: true }, async function (socket, request) {
    expect(this).type.toBe<FastifyInstance>()
    expect(socket).type.toBe<WebSocket>()
    expect(request).type.toBe<FastifyRequest>()
    expect(request.ws).type.toBe<boolean>()
  })
  const handler: WebsocketHandler = (socket, request) => { socket.send(request.url) }
  app.get('/annotated', { websocket: true }, handler)
  app.get<Demo>('/typed/:room', { websocket: true }, (socket, request) => {
    expect(socket).type.toBe<WebSocket>()
    expect(request.params).type.toBe<{ room: string }>()
    expect(request.query).type.toBe<{ since: number }>()
    expect(request.headers).type.toBe<IncomingHttpHeaders & { token: string }>()
  })
})

test('without it, it has that of a resource', () => {
  app.get('/resource', async (request, reply) => {
    expect(request).type.toBe<FastifyRequest>()
    expect(reply).type.toBe<FastifyReply>()
  })
  app.get('/resource', { websocket: false }, async (_request, reply) => { expect(reply).type.toBe<FastifyReply>() })
})

test('a full declaration holds both handlers, or one', () => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/both',
    handler: async (request, reply) => {
      expect(reply).type.toBe<FastifyReply>()
      return request.ws
    },
    wsHandler: (socket, request) => {
      expect(socket).type.toBe<WebSocket>()
      expect(request).type.toBe<FastifyRequest>()
    }
  })
  app.route<Demo>({
    method: 'GET',
    url: '/typed/:room',
    handler: async (request) => request.params.room,
    wsHandler: (socket, request) => {
      expect(request.params).type.toBe<{ room: string }>()
      socket.send(request.query.since)
    }
  })
  app.route<Demo>({
    method: 'GET',
    url: '/socket/:room',
    websocket: true,
    handler: function (socket, request) {
      expect(this).type.toBe<FastifyInstance>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.params).type.toBe<{ room: string }>()
    }
  })
  app.route({
    method: 'GET',
    url: '/no-socket',
    websocket: false,
    handler: async (_request, reply) => { expect(reply).type.toBe<FastifyReply>() }
  })
})

test('the options of a route are a type of their own', () => {
  const options: FastifyRouteOptions = {
    method: 'GET', url: '/', handler: async () => '', wsHandler: (socket) => { expect(socket).type.toBe<WebSocket>() }
  }
  app.route(options)
  expect<RouteOptions>().type.toBeAssignableTo<FastifyRouteOptions>()
  expect<RouteOptions['wsHandler']>().type.toBe<WebsocketHandler | undefined>()
})

test('a type provider types the request of a socket', () => {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>()
  const schema = { params: Type.Object({ room: Type.String() }), querystring: Type.Object({ since: Type.Number() }) }
  typed.route({
    method: 'GET',
    url: '/typed/:room',
    schema,
    websocket: true,
    handler: (socket, request) => {
      expect(socket).type.toBe<WebSocket>()
      expect(request.params).type.toBe<{ room: string }>()
      expect(request.query).type.toBe<{ since: number }>()
    }
  })
  typed.route({
    method: 'GET',
    url: '/both/:room',
    schema,
    handler: async (request) => request.params.room,
    wsHandler: (_socket, request) => { expect(request.query).type.toBe<{ since: number }>() }
  })
  typed.get('/untyped', { websocket: true }, (_socket, request) => { expect(request.params).type.toBe<unknown>() })
})

test('the server and the sockets for tests are on the instance', () => {
  expect(app.websocketServer).type.toBe<WireServer>()
  expect(app.websocketServer.clients).type.toBe<Set<WebSocket>>()
  app.websocketServer.on('connection', (socket, request) => { socket.send(request.url ?? '') })
  expect(app.injectWS).type.toBe<InjectWSFn<FastifyRequest['raw']>>()
  expect(app.injectWS('/demo', { headers: { 'api-key': '1' } })).type.toBe<Promise<PlainSocket>>()
  expect(app.injectWS).type.toBeCallableWith('/demo', { method: 'GET', httpVersion: '1.1' })
  const hooks: InjectWSOption = {
    onInit (client) { expect(client).type.toBe<WireSocket>() }, onOpen: (client) => { client.close() }
  }
  expect(app.injectWS).type.toBeCallableWith('/demo', {
    version: 'hixie-76', protocols: ['a'], remoteAddress: '192.0.2.7'
  }, hooks)
  expect(app.injectWS).type.not.toBeCallableWith('/demo', { version: '14' })
})
