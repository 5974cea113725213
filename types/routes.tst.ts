// What a schema makes of the types of a socket.
import { once } from 'node:events'
import type { JsonSchemaToTsProvider } from '@fastify/type-provider-json-schema-to-ts'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { expect, test } from 'tstyche'
import Type from 'typebox'
import { z } from 'zod'
import type { AnySocket, MessageData, PlainSocket, SchemaSocket, Sendable, WebSocket, WireSocket } from '../index.js'

const app: FastifyInstance = fastify()
const typed = app.withTypeProvider<TypeBoxTypeProvider>()
const byJsonSchema = app.withTypeProvider<JsonSchemaToTsProvider>()

interface Move { x: number }
type Said = { kind: 'move', x: number } | { kind: 'say', text: string }

const move = Type.Object({ x: Type.Number() })
const said = Type.Union([
  Type.Object({ kind: Type.Literal('move'), x: Type.Number() }),
  Type.Object({ kind: Type.Literal('say'), text: Type.String() })
])

test('TypeBox types what is received and what is sent', () => {
  typed.ws('/demo', {
    schema: { message: move, send: said, params: Type.Object({ room: Type.String() }) }
  }, async function (socket, request) {
    expect(this).type.toBe<FastifyInstance>()
    expect(request.params).type.toBe<{ room: string }>()
    socket.on('message', (value, isBinary) => {
      expect(value).type.toBe<Move>()
      expect(isBinary).type.toBe<boolean>()
    }).on('close', (code) => { expect(code).type.toBe<number>() })
    socket.once('message', (value) => { expect(value).type.toBe<Move>() })
    socket.addEventListener('message', ({ data }) => { expect(data).type.toBe<Move>() })
    socket.addEventListener('close', ({ code }) => { expect(code).type.toBe<number>() })
    socket.onmessage = ({ data }) => { expect(data).type.toBe<Move>() }
    for await (const value of socket) expect(value).type.toBe<Move>()
    expect(socket.send).type.toBeCallableWith({ kind: 'move', x: 1 })
    expect(socket.send).type.toBeCallableWith({ kind: 'say', text: 'a' }, (error?: Error | null) => error)
    expect(socket.send).type.toBeCallableWith({ kind: 'say', text: 'a' }, { compress: false }, () => {})
    expect(socket.send).type.not.toBeCallableWith({ kind: 'say', x: 1 })
    expect(socket.send).type.not.toBeCallableWith({ kind: 'shout' })
    expect(socket.send).type.not.toBeCallableWith('text')
    expect(socket.send).type.toBeCallableWith('text', { binary: false })
    expect(socket.send).type.toBeCallableWith(Buffer.alloc(1), { binary: true })
    expect(socket.send).type.toBeCallableWith(app.websocketServer.prepare('{}'))
    expect(socket.send({ kind: 'move', x: 1 }, { kind: 'a' })).type.toBe<'sent' | 'queued' | 'refused'>()
    expect(socket.sent).type.toBeCallableWith({ kind: 'move', x: 1 })
    expect(socket.sent).type.not.toBeCallableWith('text')
    expect(socket.sent).type.toBeCallableWith('text', { binary: false })
    socket.close(1000)
    expect(socket.version).type.toBe<WireSocket['version']>()
    await once(socket, 'close')
  })
})

test('several kinds of message are one union', () => {
  typed.ws('/demo', { schema: { message: said } }, (socket) => {
    socket.on('message', (value) => {
      expect(value).type.toBe<Said>()
      if (value.kind === 'say') expect(value.text).type.toBe<string>()
      else expect(value.x).type.toBe<number>()
    })
  })
})

test('json-schema-to-ts types them too', () => {
  byJsonSchema.ws('/demo', {
    schema: {
      message: {
        oneOf: [
          {
            type: 'object',
            required: ['kind', 'x'],
            properties: { kind: { const: 'move' }, x: { type: 'number' } },
            additionalProperties: false
          },
          {
            type: 'object',
            required: ['kind', 'text'],
            properties: { kind: { const: 'say' }, text: { type: 'string' } },
            additionalProperties: false
          }
        ]
      },
      send: { type: 'object', required: ['x'], properties: { x: { type: 'number' } }, additionalProperties: false }
    }
  }, (socket) => {
    socket.on('message', (value) => { expect(value).type.toBe<Said>() })
    expect(socket.send).type.toBeCallableWith({ x: 1 })
    expect(socket.send).type.not.toBeCallableWith({ x: 'one' })
  })
})

test('without one of the two schemas that side is as ever', () => {
  typed.ws('/demo', { schema: { message: move } }, (socket) => {
    expect(socket).type.toBe<SchemaSocket<Move, Parameters<WireSocket['send']>[0] extends infer Data ? Exclude<Data, { isCompressible: boolean }> : never>>()
    expect(socket.send).type.toBeCallableWith('text')
  })
  typed.ws('/demo', { schema: { send: move } }, (socket) => {
    socket.on('message', (data) => { expect(data).type.toBe<MessageData>() })
    expect(socket.send).type.toBeCallableWith({ x: 1 })
  })
  typed.ws('/demo', { schema: { querystring: move } }, (socket, request) => {
    expect(socket).type.toBe<PlainSocket>()
    expect(request.query).type.toBe<Move>()
  })
})

test('where binary messages are passed they are part of the union', () => {
  typed.ws('/demo', { schema: { message: move }, onBinary: 'pass' }, (socket) => {
    socket.on('message', (value) => { expect(value).type.toBe<Move | Buffer>() })
  })
  typed.ws('/demo', { schema: { message: move }, onBinary: 'refuse', onInvalid: 'reply' }, (socket) => {
    socket.on('message', (value) => { expect(value).type.toBe<Move>() })
  })
  expect(typed.ws).type.not.toBeCallableWith('/demo', { schema: { message: move }, onBinary: 'close' }, () => {})
  expect(typed.ws).type.not.toBeCallableWith('/demo', { schema: { message: move }, onInvalid: 'no' }, () => {})
})

test('without a type provider they are unknown, or what the application says', () => {
  app.ws('/demo', { schema: { message: {}, send: {} } }, (socket) => {
    expect(socket).type.toBe<SchemaSocket<unknown, unknown>>()
  })
  app.ws<{ Received: Move, Sent: Said }>('/demo', { schema: { message: {}, send: {} } }, (socket, request) => {
    expect(socket).type.toBe<SchemaSocket<Move, Said>>()
    expect(request.id).type.toBe<string>()
  })
})

test('those of the messages may be given with those of the request', () => {
  app.ws<{ Params: { room: string }, Received: Move, Sent: Said }>('/demo/:room', {
    schema: { message: {}, send: {} }
  }, (socket, request) => {
    expect(socket).type.toBe<SchemaSocket<Move, Said>>()
    expect(request.params).type.toBe<{ room: string }>()
  })
  app.ws<{ Received: Move }>(
    '/demo', { schema: { message: {} } }, (socket) => { expect(socket).type.toBe<SchemaSocket<Move, Sendable>>() }
  )
  app.ws<{ Sent: Move }>(
    '/demo', { schema: { send: {} } }, (socket) => { expect(socket).type.toBe<SchemaSocket<MessageData, Move>>() }
  )
})

test('the hooks of a route have the types of its schema', () => {
  typed.ws('/demo/:id', {
    schema: { params: Type.Object({ id: Type.Integer() }), message: move },
    preHandler: async (request) => { expect(request.params).type.toBe<{ id: number }>() }
  }, (socket, request) => {
    expect(request.params).type.toBe<{ id: number }>()
    socket.on('message', (value) => { expect(value).type.toBe<Move>() })
  })
})

test('the listeners of a socket with a schema are checked', () => {
  typed.ws('/demo', { schema: { message: move } }, (socket) => {
    expect(socket.on).type.toBeCallableWith('message', (_value: Move) => {})
    expect(socket.on).type.not.toBeCallableWith('message', (_data: Buffer) => {})
    expect(socket.on).type.not.toBeCallableWith('close', (_code: string) => {})
  })
})

test('a Set of WireSocket takes the sockets of all routes', () => {
  const sockets = new Set<WireSocket>()
  const ofDropIn = new Set<WebSocket>()
  const names = new Map<WireSocket, string>()
  typed.ws('/demo', { schema: { message: said, send: move } }, (socket) => {
    expect(sockets.add).type.toBeCallableWith(socket)
    expect(ofDropIn.add).type.toBeCallableWith(socket)
    names.set(socket, socket.url)
    socket.on('close', () => { sockets.delete(socket) })
  })
  app.ws('/plain', (socket) => { sockets.add(socket) })
  app.get('/drop-in', { websocket: true }, (socket) => { ofDropIn.add(socket) })
  expect<SchemaSocket<Said, Move>>().type.toBeAssignableTo<WireSocket>()
  expect<SchemaSocket>().type.toBeAssignableTo<WireSocket>()
  expect<WireSocket>().type.not.toBeAssignableTo<SchemaSocket<Said, Move>>()
})

const byZod = app.withTypeProvider<ZodTypeProvider>()
const zodSaid = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('move'), x: z.number() }),
  z.object({ kind: z.literal('say'), text: z.string() })
])

test('Zod types what is received and what is sent', () => {
  byZod.ws('/demo', { schema: { message: zodSaid, send: zodSaid } }, (socket) => {
    socket.on('message', (value) => { expect(value).type.toBe<Said>() })
    expect(socket.send).type.toBeCallableWith({ kind: 'say', text: 'a' })
    expect(socket.send).type.not.toBeCallableWith({ kind: 'say', x: 1 })
  })
})

test('a broadcast takes what send() takes', () => {
  expect(app.websocketServer.broadcast).type.toBeCallableWith({ kind: 'move', x: 1 })
  expect(app.websocketServer.broadcast).type.toBeCallableWith(app.websocketServer.prepare([{ x: 1 }]))
  expect(app.websocketServer.broadcast).type.not.toBeCallableWith(undefined)
})

test('a socket of either kind is an AnySocket, and can be excepted from a broadcast', () => {
  expect<WireSocket>().type.toBeAssignableTo<AnySocket>()
  expect<SchemaSocket<Move, Said>>().type.toBeAssignableTo<AnySocket>()
  typed.ws('/demo', { schema: { message: move } }, (socket) => {
    app.websocketServer.broadcast('{}', { except: socket })
    app.websocketServer.broadcast('{}', { except: [socket], filter: (other) => other !== socket })
  })
})
