import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { expect, test } from 'tstyche'
import fastifyWire, { type SocketHandler, type SocketRouteOptions, type WireSocket } from '../index.js'

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
  expect(app.ws).type.toBeCallableWith('/demo', { origin: ['https://a.example', /b/, 'same-origin'], maxConnections: 1, messageRate: { rate: 1, policy: 'pause' } }, () => {})
  expect(app.ws).type.toBeCallableWith('/demo', { origin: async (origin: string, request: FastifyRequest) => origin === request.host }, () => {})
  expect(app.ws).type.not.toBeCallableWith('/demo', { origin: false }, () => {})
  expect(app.ws).type.not.toBeCallableWith('/demo', { messageRate: { burst: 1 } }, () => {})
  expect(app.ws).type.not.toBeCallableWith('/demo', { messageRate: { rate: 1, policy: 'drop' } }, () => {})
})

test('a handler gets the socket, the request and the instance', () => {
  app.ws('/demo', function (socket, request) {
    expect(this).type.toBe<FastifyInstance>()
    expect(socket).type.toBe<WireSocket>()
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
    expect(socket).type.toBe<WireSocket>()
    expect(request.params).type.toBe<{ id: string }>()
    expect(request.query).type.toBe<{ since: number }>()
    expect(request.headers.token).type.toBe<string>()
  })
  app.ws<Demo>('/demo/:id', {
    maxPayload: 1,
    preHandler: async (request) => { expect(request.params).type.toBe<{ id: string }>() }
  }, (socket, request) => {
    expect(socket).type.toBe<WireSocket>()
    expect(request.params).type.toBe<{ id: string }>()
  })
  app.ws('/demo/:id', (socket, request: FastifyRequest<{ Params: { id: string } }>) => {
    expect(socket).type.toBe<WireSocket>()
    socket.send(request.params.id)
  })
  app.ws('/demo/:id', { maxPayload: 1 }, (socket, request: FastifyRequest<{ Params: { id: string } }>) => { socket.send(request.params.id) })
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
