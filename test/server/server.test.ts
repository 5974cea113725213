import { EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { WireServer } from '../../lib/server/server.js'
import type { WireSocket } from '../../lib/socket/socket.js'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient } from '../fixtures/client.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'

const socket = new EventEmitter() as unknown as WireSocket
const request = {} as IncomingMessage

t.test('an added socket is in the clients, and counts as a connection', async (t) => {
  const server = new WireServer()
  const connections: unknown[] = []
  server.on('connection', (...args) => { connections.push(args) })
  server.add(socket, request)
  t.same(connections, [[socket, request]])
  t.same([...server.clients], [socket])
  server.delete(socket)
  t.equal(server.clients.size, 0)
})

t.test('clients is empty with clientTracking: false', async (t) => {
  const server = new WireServer({ clientTracking: false })
  server.add(socket, request)
  t.equal(server.clients, undefined)
  t.equal(server.sockets.size, 1)
})

t.test('close() calls back once when the last socket has closed', async (t) => {
  const server = new WireServer()
  server.add(socket, request)
  const closed: string[] = []
  server.close(() => { closed.push('first') })
  server.close(() => { closed.push('second') })
  server.close()
  t.ok(server.isClosing)
  t.same(closed, [])
  server.delete(socket)
  server.delete(socket)
  t.same(closed, ['first', 'second'])
  const again = await new Promise<Error | undefined>((resolve) => { server.close(resolve) })
  t.match(again, { code: 'FST_WIRE_NOT_RUNNING' })
  server.close()
})

t.test('close() without sockets calls back in the next tick', async (t) => {
  const server = new WireServer()
  t.notOk(server.isClosing)
  server.close()
  await once(server, 'close')
  const passing = new WireServer()
  passing.close()
  // The last socket may go before the tick ends.
  passing.delete(socket)
  await new Promise<void>((resolve) => { setImmediate(resolve) })
  t.ok(passing.isClosing)
})

t.test('app.websocketServer emits connections, and its options are read at each handshake', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (opened) => { opened.send(opened.protocol) })
  const port = await listen(app)
  const connected = once(app.websocketServer, 'connection')
  const first = new RawClient(t, port)
  await first.upgrade('/demo', { 'Sec-WebSocket-Protocol': 'a, b' })
  t.equal(await first.readText(), 'a')
  const [opened, raw] = await connected
  t.ok(app.websocketServer.clients.has(opened))
  t.equal(raw.url, '/demo')

  app.websocketServer.options.handleProtocols = (offered, asked) => offered.has('b') && asked.url === '/demo' && 'b'
  const second = new RawClient(t, port)
  await second.upgrade('/demo', { 'Sec-WebSocket-Protocol': 'a, b' })
  t.equal(await second.readText(), 'b')
  t.equal(app.websocketServer.clients.size, 2)

  app.websocketServer.close()
  const late = new RawClient(t, port)
  t.match(await late.upgrade(), / 503 /)
})

t.test('a broadcast reaches all open sockets except excluded or filtered ones', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  const port = await listen(app)
  const { websocketServer } = app
  const clients: RawClient[] = []
  for (let i = 0; i < 4; i++) {
    const client = new RawClient(t, port)
    const connected = once(websocketServer, 'connection')
    await client.upgrade('/demo')
    await connected
    clients.push(client)
  }
  const [first, second, third, fourth] =
    [...websocketServer.clients] as [WireSocket, WireSocket, WireSocket, WireSocket]
  t.equal(websocketServer.broadcast('to all'), 4)
  t.equal(websocketServer.broadcast('but the first', { except: first }), 3)
  t.equal(websocketServer.broadcast('but two', { except: [first, second] }), 2)
  t.equal(websocketServer.broadcast('filtered', { filter: (socket) => socket === third }), 1)
  t.equal(
    websocketServer.broadcast(
      websocketServer.prepare(Buffer.from('prepared'), { binary: false }), { except: new Set([third]) }
    ),
    3
  )
  fourth.close(1000)
  t.equal(websocketServer.broadcast('the open ones'), 3)
  const texts = async (client: RawClient, count: number): Promise<string[]> => {
    const all: string[] = []
    for (let i = 0; i < count; i++) all.push(await client.readText())
    return all
  }
  t.same(await texts(clients[0]!, 3), ['to all', 'prepared', 'the open ones'])
  t.same(await texts(clients[1]!, 4), ['to all', 'but the first', 'prepared', 'the open ones'])
  t.same(await texts(clients[2]!, 5), ['to all', 'but the first', 'but two', 'filtered', 'the open ones'])
  t.same(await texts(clients[3]!, 4), ['to all', 'but the first', 'but two', 'prepared'])
})

t.test('bytes that are not UTF-8 are not broadcast as text', async (t) => {
  const server = new WireServer()
  t.throws(() => { server.broadcast(Buffer.from([0xff]), { binary: false }) }, { code: 'FST_WIRE_TEXT' })
  t.equal(server.prepare(Buffer.from([0xff])).isBinary, true)
  t.equal(server.prepare(7).isBinary, false)
})

t.test('a binary broadcast skips hixie sockets', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  const client = await app.injectWS('/demo', { version: 'hixie-76' })
  t.equal(app.websocketServer.broadcast(Buffer.from('binary')), 0)
  t.equal(app.websocketServer.broadcast('text'), 1)
  t.equal(String((await once(client, 'message'))[0]), 'text')
  client.terminate()
})

const PRICE = { type: 'object', required: ['price'], properties: { price: { type: 'integer' } } }

const textOf = async (client: WireSocket): Promise<string> => String((await once(client, 'message'))[0])

t.test('a broadcast takes a value for the sockets of routes with schema.send', async (t) => {
  const app = await createApp(t)
  app.ws('/prices', { schema: { send: PRICE } }, () => {})
  app.ws('/all', { schema: { send: {} } }, () => {})
  const clients = [await app.injectWS('/prices'), await app.injectWS('/prices'), await app.injectWS('/all')]
  t.equal(app.websocketServer.broadcast({ price: 5, more: 1 }), 3)
  t.same(await Promise.all(clients.map(textOf)), ['{"price":5}', '{"price":5}', '{"price":5,"more":1}'])
  const prepared = app.websocketServer.prepare({ price: 6 })
  t.equal(app.websocketServer.broadcast(prepared, { filter: ({ url }) => url === '/prices' }), 2)
  t.same(await Promise.all(clients.slice(0, 2).map(textOf)), ['{"price":6}', '{"price":6}'])
  t.equal(app.websocketServer.broadcast('{"raw":1}', { binary: false }), 3)
  t.same(await Promise.all(clients.map(textOf)), ['{"raw":1}', '{"raw":1}', '{"raw":1}'])
  const closing = [...app.websocketServer.sockets][0] as WireSocket
  closing.close(1000)
  t.equal(app.websocketServer.broadcast({ price: 7 }), 2)
  for (const client of clients) client.terminate()
})

t.test('a broadcast value that does not match one route is sent to no socket', async (t) => {
  const app = await createApp(t)
  app.ws('/plain', () => {})
  app.ws('/prices', { schema: { send: PRICE } }, () => {})
  const { websocketServer } = app
  const clients = [await app.injectWS('/plain'), await app.injectWS('/prices')]
  t.throws(() => websocketServer.broadcast({ price: 5 }), { code: 'FST_WIRE_DATA' })
  t.throws(() => websocketServer.broadcast('text'), { code: 'FST_WIRE_SEND_SCHEMA' })
  for (const socket of websocketServer.sockets) t.equal(socket.traffic.messagesSent, 0)
  t.equal(websocketServer.broadcast('text', { filter: ({ url }) => url === '/plain' }), 1)
  for (const client of clients) client.terminate()
})

t.test('a value that is serialized to bytes skips hixie sockets', async (t) => {
  const app = await createApp(t)
  app.ws('/plain', () => {})
  app.ws('/prices', { schema: { send: {} } }, () => {})
  const clients = [
    await app.injectWS('/plain', { version: 'hixie-76' }), await app.injectWS('/prices', { version: 'hixie-76' })
  ]
  t.equal(app.websocketServer.broadcast(Buffer.from('5')), 1)
  for (const client of clients) client.terminate()
})

t.test('a broadcast value does not count sockets that refuse it', async (t) => {
  const server = new WireServer()
  server.takesValues = true
  const { socket, stall } = createMemorySocket({
    backpressure: { limit: 10, policy: 'drop' }, settings: { outbound: { write: JSON.stringify } }
  })
  server.sockets.add(socket)
  t.equal(server.broadcast({ price: 1 }), 1)
  stall()
  socket.send(Buffer.alloc(20_000), { binary: true })
  await turn()
  t.equal(server.broadcast({ price: 2 }), 0)
})

t.test('a broadcast does not count sockets that refuse it, and replaces messages of its kind', async (t) => {
  const server = new WireServer()
  const drops = createMemorySocket({ backpressure: { limit: 10, policy: 'drop' } })
  const latest = createMemorySocket({ backpressure: { limit: 10, policy: 'latest' } })
  for (const { socket, stall } of [drops, latest]) {
    server.sockets.add(socket)
    stall()
    socket.send(Buffer.alloc(20_000))
  }
  await turn()
  t.equal(server.broadcast('price 1', { kind: 'price' }), 1)
  t.equal(server.broadcast('volume', { kind: 'volume' }), 0)
  t.equal(server.broadcast('price 2', { kind: 'price' }), 1)
  t.equal(drops.socket.traffic.messagesDropped, 3)
  t.equal(latest.socket.traffic.messagesDropped, 2)
})

t.test('a broadcast may have a kind', async (t) => {
  const app = await createApp(t, { backpressure: { policy: 'latest' } })
  app.ws('/demo', () => {})
  const client = await app.injectWS('/demo')
  t.equal(app.websocketServer.broadcast('a price', { kind: 'price' }), 1)
  t.equal(String((await once(client, 'message'))[0]), 'a price')
  client.terminate()
})

t.test('metrics() adds up what is counted', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  const client = await app.injectWS('/demo')
  t.match(app.websocketServer.metrics(), { total: { open: 1, opened: 1 }, routes: [{ route: '/demo', version: '13' }] })
  client.terminate()
})

t.test('errors of its listeners are caught', async (t) => {
  const failures: unknown[] = []
  const server = new WireServer({}, (error) => { failures.push(error) })
  let isClosed = false
  server.close(() => { throw new Error('of a callback') })
  server.close(() => { isClosed = true })
  server.on('close', () => { throw new Error('of a listener') })
  await turn()
  t.equal(isClosed, true)
  server.on('headers', (async () => { throw new Error('of a promise') }) as () => void)
  server.emit('headers', [], request)
  await turn()
  t.match(failures, [{ message: 'of a callback' }, { message: 'of a listener' }, { message: 'of a promise' }])
  const alone = new WireServer()
  alone.close(() => { throw new Error('heard by nobody') })
  await turn()
  t.equal(alone.isClosing, true)
})

t.test('a rejection of a connection listener is an error of the socket', async (t) => {
  const server = new WireServer()
  const { socket, errors } = createMemorySocket()
  server.on('connection', (async () => { throw new Error('rejected') }) as () => void)
  server.add(socket, request)
  await turn()
  t.match(errors, [{ message: 'rejected' }])
})
