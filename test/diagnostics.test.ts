import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { SocketFacts, WireSocket } from '../index.js'
import { createApp, listen } from './fixtures/app.js'
import { RawClient, text } from './fixtures/client.js'

const CHANNELS = ['upgrade', 'refuse', 'open', 'message:in', 'message:out', 'ping', 'drop', 'error', 'close']

type Report = Partial<SocketFacts> & Record<string, unknown>

/** What is published while a test runs. */
function follow (t: Test): Array<[name: string, report: Report]> {
  const seen: Array<[string, Report]> = []
  for (const name of CHANNELS) {
    const see = (report: unknown): void => { seen.push([name, report as Report]) }
    subscribe(`fastify-wire:${name}`, see)
    t.teardown(() => { unsubscribe(`fastify-wire:${name}`, see) })
  }
  return seen
}

const failing = (_error: Error, socket: WireSocket): void => { socket.send('failed') }

t.test('each stage of a socket is published with its request id, route and version', async (t) => {
  const app = await createApp(t, {}, { genReqId: () => 'the request' })
  let requestHeld: unknown
  app.ws('/rooms/:room', { errorHandler: failing }, (socket, request) => {
    requestHeld = request
    socket.on('message', (data) => {
      if (data.toString() === 'fail') throw new Error('broken')
      socket.ping('a')
      socket.pong('b')
      socket.send(app.websocketServer.prepare('for many'))
      socket.send(Buffer.from('binary'))
    })
  })
  const seen = follow(t)
  const client = await app.injectWS('/rooms/7')
  client.on('ping', () => {})
  client.send('hello')
  client.send('fail')
  client.ping('c')
  await once(client, 'pong')
  client.close(1000, 'bye')
  await once(client, 'close')
  // The client of a test is a socket too, but of no route.
  const own = seen.filter(([, { socket }]) => socket !== client)
  for (const [name, { requestId, route, version, socket }] of own) {
    t.same([requestId, route, version], ['the request', '/rooms/:room', '13'], name)
    t.equal(socket === undefined, name === 'upgrade')
  }
  t.equal(own[0]?.[1]['request'], requestHeld)
  t.match(own.filter(([name, { kind, direction }]) => name !== 'ping' || kind === 'ping' || direction === 'out'), [
    ['upgrade', {}],
    ['open', { request: { id: 'the request' } }],
    ['message:in', { data: Buffer.from('hello'), isBinary: false }],
    ['ping', { kind: 'ping', direction: 'out', data: Buffer.from('a') }],
    ['ping', { kind: 'pong', direction: 'out', data: Buffer.from('b') }],
    ['message:out', { data: Buffer.from('for many'), isBinary: false }],
    ['message:out', { data: Buffer.from('binary'), isBinary: true }],
    ['message:in', { data: Buffer.from('fail') }],
    ['error', { source: 'application', error: { message: 'broken' } }],
    ['message:out', { data: 'failed', isBinary: false }],
    ['ping', { kind: 'ping', direction: 'in', data: Buffer.from('c') }],
    ['close', { code: 1000, reason: 'bye', duration: Number }]
  ])
  t.match(own.filter(([name, { kind, direction }]) => name === 'ping' && kind === 'pong' && direction === 'in'), [
    ['ping', { data: Buffer.from('a') }]
  ])
})

t.test('protocol errors, and messages that a schema refuses, are published as errors of the peer', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', {
    schema: { message: { type: 'integer' } }, onInvalid: 'reply'
  }, (socket) => { socket.on('message', () => {}) })
  const port = await listen(app)
  const seen = follow(t)
  const client = new RawClient(t, port)
  await client.upgrade()
  client.write(text('"a"'))
  t.match(await client.readText(), 'FST_WIRE_MESSAGE_SCHEMA')
  client.write(Buffer.from('810161', 'hex'))
  await client.readFrame()
  t.match(seen.filter(([name]) => name === 'error'), [
    ['error', { source: 'peer', error: { code: 'FST_WIRE_MESSAGE_SCHEMA' } }],
    ['error', { source: 'peer', error: { code: 'FST_WIRE_MASK' } }]
  ])
})

t.test('a message dropped for a slow peer is published', async (t) => {
  const app = await createApp(t)
  const dropped = new Promise<WireSocket>((resolve) => {
    app.ws('/demo', { backpressure: { limit: 1024, policy: 'drop' } }, (socket) => {
      socket.on('drop', () => { resolve(socket) })
      while (socket.send('a'.repeat(100_000)) !== 'refused');
    })
  })
  const port = await listen(app)
  const seen = follow(t)
  const client = new RawClient(t, port)
  client.socket.pause()
  client.write(
    'GET /demo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  )
  const socket = await dropped
  const drops = seen.filter(([name]) => name === 'drop')
  t.match(drops, [['drop', { route: '/demo', socket, data: /^a{100000}$/, isBinary: false }]])
  t.equal(app.websocketServer.metrics().total.messagesDropped, 1)
  socket.terminate()
})
