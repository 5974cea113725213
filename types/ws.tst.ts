// Code that is typed with the WebSocket of `ws` takes a socket of ours.
import { on, once, type EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import fastify from 'fastify'
import { expect, test } from 'tstyche'
import {
  createWebSocketStream, WebSocket, type MessageEvent as WsMessageEvent, type RawData, type ServerOptions,
  type WebSocketServer
} from 'ws'
import type { WebsocketPluginOptions, WireServer, WireSocket } from '../index.js'

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
  const onMessage = function (
    this: WebSocket, data: RawData, isBinary: boolean
  ): void { this.send(data, { binary: isBinary }) }
  socket.on('message', onMessage).once('message', onMessage).off('message', onMessage)
  socket.addListener('message', onMessage).removeListener('message', onMessage).prependListener('message', onMessage)
  socket.onmessage = (event: WsMessageEvent) => { event.target.close() }
  socket.addEventListener('message', (event: WsMessageEvent) => { event.target.close() }, { once: true })
  socket.send('text', (error?: Error) => { expect(error).type.toBe<Error | undefined>() })
  socket.ping('', false, (error: Error) => { expect(error).type.toBe<Error>() })
  socket.ping(undefined, undefined, (error) => { expect(error).type.toBe<Error | undefined>() })
  expect(socket.pong).type.toBeCallableWith((_error: Error) => {})
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

test('events of the application are taken', () => {
  expect(socket.on).type.toBeCallableWith('seat-taken', (_seat: number) => {})
  expect(socket.on).type.toBeCallableWith(Symbol('own'), () => {})
  expect(socket.emit).type.toBeCallableWith('seat-taken', 7)
  expect(socket.on).type.not.toBeCallableWith('seat-taken')
  expect(socket.on).type.not.toBeCallableWith('seat-taken', 7)
})

// The types of ws take any listener for any event. Code is written by that: most listeners there are say `(data:
// Buffer)`, which is right unless the application sets `binaryType`.
test('listeners may be annotated by who knows more', () => {
  for (const method of [
    'on', 'once', 'off', 'addListener', 'removeListener', 'prependListener', 'prependOnceListener'
  ] as const) {
    expect(socket[method]).type.toBeCallableWith('message', (_data: Buffer) => {})
    expect(socket[method]).type.toBeCallableWith('message', (_raw: string) => {})
    expect(socket[method]).type.toBeCallableWith('close', (_code: number, _reason: string) => {})
    expect(socket[method]).type.toBeCallableWith('error', (_error: Error & { code: string }) => {})
  }
  socket.on('message', (_data: Buffer, isBinary) => { expect(isBinary).type.toBe<boolean>() })
  app.ws('/annotated', (socket) => { socket.on('message', (data: Buffer) => { socket.send(data) }) })
  app.get(
    '/annotated', { websocket: true }, (socket) => { socket.on('message', async (raw: string) => { JSON.parse(raw) }) }
  )
  app.injectWS('/annotated', {}, {
    onInit: (client) => { client.on('message', (data: Buffer) => { client.send(data) }) }
  })
  expect(socket.emit).type.toBeCallableWith('message', 'text')
  expect(socket.emit).type.toBeCallableWith('message', Buffer.alloc(1), false)
})

interface Player extends WebSocket { isAlive: boolean }

test('a socket is cast to an interface of the application that extends the WebSocket of ws', () => {
  app.get('/player', { websocket: true }, (socket) => {
    (socket as Player).isAlive = true
    socket.on('pong', function () { (this as Player).isAlive = true })
  })
  app.websocketServer.on(
    'connection', (socket: Player, request: IncomingMessage) => { socket.isAlive = request.url !== '' }
  )
  app.websocketServer.clients.forEach((client) => { (client as Player).isAlive = false })
})

test('what goes into send() and ping() of ws goes in here', () => {
  app.get('/data', { websocket: true }, (socket) => {
    socket.send(new Blob(['a']))
    socket.send([1, 2])
    socket.send([new Uint8Array(1)])
    socket.ping(undefined, undefined, (error) => { expect(error).type.toBe<Error>() })
    socket.pong('', false, (error) => { expect(error).type.toBe<Error>() })
    expect(socket.send).type.not.toBeCallableWith({ a: 1 })
  })
  expect(socket.send).type.toBeCallableWith([1, 2])
})

test('the server takes the events of that of ws', () => {
  app.websocketServer.on('connection', function (socket, request) {
    expect(this).type.toBe<WireServer>()
    expect(socket).type.toBe<WireSocket>()
    expect(request).type.toBe<IncomingMessage>()
  }).on('headers', (lines) => { expect(lines).type.toBe<string[]>() })
  expect(app.websocketServer.on).type.toBeCallableWith('listening', () => {})
  app.websocketServer.on('wsClientError', (_error, connection) => { connection.destroy() })
  expect(app.websocketServer.emit).type.toBeCallableWith('connection', {} as WebSocket, {} as IncomingMessage)
  expect(app.websocketServer.sockets).type.toBe<Set<WireSocket>>()
  // They are not there when it runs.
  expect<WireServer>().type.not.toBeAssignableTo<WebSocketServer>()
  expect<WireServer>().type.not.toHaveProperty('handleUpgrade')
})

test('it takes the options of ws', () => {
  expect<NonNullable<WebsocketPluginOptions['options']>>().type.toBeAssignableFrom<Omit<ServerOptions, 'path'>>()
})
