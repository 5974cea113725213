import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { expect, test } from 'tstyche'
import fastifyWire, {
  type PlainSocket, type SocketHandler, type SocketRouteOptions, type WireSocket
} from '../index.js'

const app = fastify()
app.register(fastifyWire, { maxPayload: 1, versions: ['13', 'hixie-75'] })

test('app.ws takes a handler, with or without options', () => {
  expect(app.ws).type.toBeCallableWith('/demo', () => {})
  expect(app.ws).type.toBeCallableWith('/demo', { protocols: ['a'], onRequest: async () => {} }, async () => {})
  expect(app.ws).type.not.toBeCallableWith('/demo')
  expect(app.ws).type.not.toBeCallableWith('/demo', { maxPayload: '1' }, () => {})
  expect(app.ws).type.not.toBeCallableWith('/demo', { versions: ['14'] }, () => {})
})

test('who may connect, and how much a socket may take, is said by the route or the plugin', () => {
  expect(app.ws).type.toBeCallableWith('/demo', {
    origin: ['https://a.example', /b/, 'same-origin'], maxConnections: 1, messageRate: { rate: 1, policy: 'pause' }
  }, () => {})
  expect(app.ws).type.toBeCallableWith('/demo', {
    origin: async (origin: string, request: FastifyRequest) => origin === request.host
  }, () => {})
  expect(app.ws).type.not.toBeCallableWith('/demo', { origin: false }, () => {})
  expect(app.ws).type.not.toBeCallableWith('/demo', { messageRate: { burst: 1 } }, () => {})
  expect(app.ws).type.not.toBeCallableWith('/demo', { messageRate: { rate: 1, policy: 'drop' } }, () => {})
})

test('a handler gets the socket, the request and the instance', () => {
  app.ws('/demo', function (socket, request) {
    expect(this).type.toBe<FastifyInstance>()
    expect(socket).type.toBe<PlainSocket>()
    expect(request).type.toBe<FastifyRequest>()
  })
})

interface Demo {
  Params: { id: string }
  Querystring: { since: number }
  Headers: { token: string }
}

test('the types of a request may be given, as to app.get()', () => {
  app.ws<Demo>('/demo/:id', function (socket, request) {
    expect(this).type.toBe<FastifyInstance>()
    expect(socket).type.toBe<PlainSocket>()
    expect(request.params).type.toBe<{ id: string }>()
    expect(request.query).type.toBe<{ since: number }>()
    expect(request.headers.token).type.toBe<string>()
  })
  app.ws<Demo>('/demo/:id', {
    maxPayload: 1,
    preHandler: async (request) => { expect(request.params).type.toBe<{ id: string }>() }
  }, (socket, request) => {
    expect(socket).type.toBe<PlainSocket>()
    expect(request.params).type.toBe<{ id: string }>()
  })
  app.ws('/demo/:id', (socket, request: FastifyRequest<{ Params: { id: string } }>) => {
    expect(socket).type.toBe<PlainSocket>()
    socket.send(request.params.id)
  })
  app.ws(
    '/demo/:id', { maxPayload: 1 },
    (socket, request: FastifyRequest<{ Params: { id: string } }>) => { socket.send(request.params.id) }
  )
  const handler: SocketHandler = (socket) => { socket.close() }
  const options: SocketRouteOptions = { maxPayload: 1, onRequest: async () => {} }
  app.ws('/demo', options, handler)
})

test('the events of a socket are typed', () => {
  app.ws('/demo', (socket) => {
    socket.on('message', (data, isBinary) => {
      expect(data).type.toBe<Buffer | ArrayBuffer | Buffer[]>()
      expect(isBinary).type.toBe<boolean>()
      socket.send(data, { binary: isBinary })
    })
    socket.on('close', (code, reason) => {
      expect(code).type.toBe<number>()
      expect(reason).type.toBe<Buffer>()
    })
    socket.addEventListener('close', ({ wasClean }) => { expect(wasClean).type.toBe<boolean>() })
  })
})

test('a socket may be typed as a WireSocket, whose messages depend on its route', () => {
  app.ws('/demo', (socket: WireSocket) => { socket.close() })
  app.ws('/plain', async (socket) => {
    for await (const message of socket) expect(message).type.toBe<string | Buffer>()
  })
  app.ws('/any', async (socket: WireSocket) => {
    for await (const message of socket) expect(message).type.toBe<unknown>()
  })
})

interface User { name: string }

test('socket.data has the type that a route gives', () => {
  app.ws<{ Data: { user: User } }>('/demo', (socket) => {
    expect(socket.data).type.toBe<Record<string, unknown> & { user: User }>()
    expect(socket).type.toBeAssignableTo<WireSocket>()
  })
  app.ws<{ Data: { user: User }, Params: { id: string } }>('/demo/:id', { maxPayload: 1 }, (socket, request) => {
    expect(socket.data.user.name).type.toBe<string>()
    expect(request.params).type.toBe<{ id: string }>()
    expect(new Set<WireSocket>().add).type.toBeCallableWith(socket)
  })
  app.ws<{ Data: User, Received: number, Sent: string }>('/demo', { schema: { message: {}, send: {} } }, (socket) => {
    expect(socket.data).type.toBe<Record<string, unknown> & User>()
    socket.on('message', (value) => { expect(value).type.toBe<number>() })
    expect(socket.send).type.not.toBeCallableWith(1)
  })
  app.get<{ Data: { user: User } }>('/drop-in', { websocket: true }, (socket, request) => {
    expect(socket.data).type.toBe<{ user: User }>()
    socket.send(request.url)
  })
  app.route<{ Data: User }>({
    method: 'GET',
    url: '/both',
    handler: async () => '',
    wsHandler: (socket) => { expect(socket.data).type.toBe<User>() }
  })
  app.route<{ Data: User }>({
    method: 'GET',
    url: '/socket',
    websocket: true,
    handler: (socket) => { expect(socket.data).type.toBe<User>() }
  })
})
