// Code that is typed with the WebSocket of `ws` takes a socket of ours.
import { on, once, type EventEmitter } from 'node:events'
import fastify from 'fastify'
import { expect, test } from 'tstyche'
import { createWebSocketStream, WebSocket, type MessageEvent as WsMessageEvent, type RawData } from 'ws'
import type { WireSocket } from '../index.js'

declare const socket: WireSocket
const app = fastify()

test('a socket is a WebSocket of ws', () => {
  expect<WireSocket>().type.toBeAssignableTo<WebSocket>()
  expect<WireSocket>().type.toBeAssignableTo<EventEmitter>()
  expect<Set<WireSocket>>().type.toBeAssignableTo<Set<WebSocket>>()
  expect(createWebSocketStream).type.toBeCallableWith(socket, { encoding: 'utf8' })
  const sockets = new Set<WebSocket>()
  const names = new Map<WebSocket, string>()
  const broadcast = (from: WebSocket, data: RawData): void => {
    for (const other of sockets) if (other !== from && other.readyState === WebSocket.OPEN) other.send(data)
  }
  app.ws('/demo', (socket) => {
    sockets.add(socket)
    names.set(socket, socket.protocol)
    socket.on('message', (data) => { broadcast(socket, data) })
  })
  app.get('/drop-in', { websocket: true }, (socket: WebSocket) => { sockets.add(socket) })
  app.websocketServer.on('connection', (socket: WebSocket) => { sockets.add(socket) })
  expect(app.websocketServer.clients).type.toBeAssignableTo<Set<WebSocket>>()
})

test('what is no socket of ours is none of ws either', () => {
  expect<WireSocket>().type.not.toBeAssignableFrom<WebSocket>()
  expect<Omit<WireSocket, 'send'>>().type.not.toBeAssignableTo<WebSocket>()
})

test('listeners and callbacks annotated as for ws are taken', () => {
  const onMessage = function (this: WebSocket, data: RawData, isBinary: boolean): void { this.send(data, { binary: isBinary }) }
  socket.on('message', onMessage).once('message', onMessage).off('message', onMessage)
  socket.addListener('message', onMessage).removeListener('message', onMessage).prependListener('message', onMessage)
  socket.onmessage = (event: WsMessageEvent) => { event.target.close() }
  socket.addEventListener('message', (event: WsMessageEvent) => { event.target.close() }, { once: true })
  socket.send('text', (error?: Error) => { expect(error).type.toBe<Error | undefined>() })
  socket.ping('', false, (error: Error) => { expect(error).type.toBe<Error>() })
  expect(on).type.toBeCallableWith(socket, 'message')
  expect(once).type.toBeCallableWith(socket, 'close')
})

test('this, data and events are inferred', () => {
  socket.on('message', function (data, isBinary) {
    expect(this).type.toBe<WireSocket>()
    expect(data).type.toBe<RawData>()
    expect(isBinary).type.toBe<boolean>()
  })
  socket.once('close', (code, reason) => {
    expect(code).type.toBe<number>()
    expect(reason).type.toBe<Buffer>()
  })
  socket.onmessage = (event) => {
    expect(event.type).type.toBe<'message'>()
    expect(event.target).type.toBe<WireSocket>()
  }
  socket.onclose = null
})

test('events of the application are taken, those of a socket are checked', () => {
  expect(socket.on).type.toBeCallableWith('seat-taken', (_seat: number) => {})
  expect(socket.on).type.toBeCallableWith(Symbol('own'), () => {})
  expect(socket.emit).type.toBeCallableWith('seat-taken', 7)
  expect(socket.on).type.not.toBeCallableWith('close', (_code: string) => {})
  expect(socket.once).type.not.toBeCallableWith('message', (_data: string) => {})
  expect(socket.emit).type.not.toBeCallableWith('close', 'why')
})
