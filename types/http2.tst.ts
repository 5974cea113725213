import { readFileSync } from 'node:fs'
import type { Http2SecureServer, Http2Server, Http2ServerRequest } from 'node:http2'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { expect, test } from 'tstyche'
import fastifyWire, { type PlainSocket, type WebSocket, type WireServer } from '../index.js'

const plain = fastify({ http2: true })
const secure = fastify({ http2: true, https: { allowHTTP1: true, key: readFileSync('key') } })

test('an application of HTTP/2 takes the plugin', () => {
  expect(plain.register).type.toBeCallableWith(fastifyWire, { maxPayload: 1 })
  expect(secure.register).type.toBeCallableWith(fastifyWire)
})

test('app.ws and its companions are there', () => {
  expect(plain.websocketServer).type.toBe<WireServer>()
  expect(plain.ws).type.toBeCallableWith('/demo', () => {})
  expect(secure.ws).type.toBeCallableWith('/demo', { protocols: ['a'], onRequest: async () => {} }, async () => {})
  expect(plain.injectWS('/demo')).type.toBe<Promise<PlainSocket>>()
  plain.ws('/demo', function (socket, request) {
    expect(this).type.toBeAssignableTo<FastifyInstance>()
    expect(socket).type.toBe<PlainSocket>()
    expect(request).type.toBeAssignableTo<FastifyRequest>()
    expect(request.ws).type.toBe<boolean>()
  })
  secure.ws('/demo', { schema: { message: { type: 'string' } } }, (_socket, request) => {
    expect(request.raw).type.toBe<Http2ServerRequest>()
  })
})

test('a route may be declared as for @fastify/websocket', () => {
  plain.get('/demo', { websocket: true }, (socket, request) => {
    expect(socket).type.toBe<WebSocket>()
    expect(request.raw).type.toBe<Http2ServerRequest>()
  })
  secure.route({
    method: 'GET',
    url: '/demo',
    handler: async () => 'resource',
    wsHandler: (socket) => { expect(socket).type.toBe<WebSocket>() }
  })
})

test('hooks see a request of HTTP/2', () => {
  expect(plain.server).type.toBe<Http2Server>()
  expect(secure.server).type.toBe<Http2SecureServer>()
})
