import { once } from 'node:events'
import t from 'tap'
import { Latency, Metrics } from '../../lib/server/metrics.js'
import { context, type WireSocket } from '../../lib/socket/socket.js'
import { createApp, listen } from '../fixtures/app.js'

const NOTHING = { messagesReceived: 0, bytesReceived: 0, messagesSent: 0, bytesSent: 0, messagesDropped: 0 }

const socketOf = (route: string, traffic: object, bufferedAmount = 0) =>
  ({
    [context]: { route }, version: '13', bufferedAmount, traffic: { ...NOTHING, ...traffic }
  }) as unknown as WireSocket

t.test('all metrics are zero at first', async (t) => {
  t.same(new Metrics().read([]), {
    total: { open: 0, opened: 0, bufferedBytes: 0, ...NOTHING },
    routes: [],
    refusals: {},
    closes: {},
    latency: { count: 0, sum: 0, p50: 0, p90: 0, p99: 0, max: 0 },
    topics: { state: 'down', topics: 0, subscriptions: 0, published: 0, delivered: 0, gaps: 0 }
  })
})

t.test('the traffic of closed sockets is added to that of open ones', async (t) => {
  const metrics = new Metrics()
  for (const version of ['13', '13', 'hixie-76'] as const) metrics.opened('/a', version)
  metrics.opened('/b', '13')
  metrics.closed('/a', '13', 1000, { ...NOTHING, messagesReceived: 1, bytesReceived: 10, messagesDropped: 2 })
  metrics.closed('/a', 'hixie-76', 1006, { ...NOTHING, messagesSent: 2, bytesSent: 20 })
  const open = [
    socketOf('/a', { messagesReceived: 3, bytesReceived: 30 }, 5), socketOf('/b', { messagesSent: 4, bytesSent: 40 }, 7)
  ]
  const expected = {
    total: {
      open: 2,
      opened: 4,
      bufferedBytes: 12,
      messagesReceived: 4,
      bytesReceived: 40,
      messagesSent: 6,
      bytesSent: 60,
      messagesDropped: 2
    },
    routes: [
      {
        route: '/a',
        version: '13',
        open: 1,
        opened: 2,
        bufferedBytes: 5,
        ...NOTHING,
        messagesReceived: 4,
        bytesReceived: 40,
        messagesDropped: 2
      },
      {
        route: '/a',
        version: 'hixie-76',
        open: 0,
        opened: 1,
        bufferedBytes: 0,
        ...NOTHING,
        messagesSent: 2,
        bytesSent: 20
      },
      { route: '/b', version: '13', open: 1, opened: 1, bufferedBytes: 7, ...NOTHING, messagesSent: 4, bytesSent: 40 }
    ],
    closes: { 1000: 1, 1006: 1 }
  }
  t.match(metrics.read(open), expected)
  // Reading changes nothing.
  t.match(metrics.read(open), expected)
})

t.test('refusals are counted by their reason', async (t) => {
  const metrics = new Metrics()
  for (const reason of ['401', 'FST_WIRE_ORIGIN', '401']) metrics.refused(reason)
  t.same(metrics.read([]).refusals, { 401: 2, FST_WIRE_ORIGIN: 1 })
})

t.test('latencies are reported as quantiles, to one percent', async (t) => {
  const latency = new Latency()
  for (let i = 1; i <= 100; i++) latency.record(i)
  const { count, sum, p50, p90, p99, max } = latency.read()
  t.equal(count, 100)
  for (const [value, expected] of [[sum, 5050], [p50, 50], [p90, 90], [p99, 99], [max, 100]] as const) {
    t.ok(Math.abs(value - expected) <= expected / 100, `${value} is about ${expected}`)
  }
  // What no heartbeat can be, but a clock may say.
  latency.record(0)
  latency.record(1e12)
  t.equal(latency.read().count, 102)
})

t.test('app.websocketServer.metrics() counts its sockets while they are open, and after', async (t) => {
  const app = await createApp(t)
  app.ws('/rooms/:room', (socket) => { socket.on('message', (data) => { socket.send(data, { binary: false }) }) })
  const { websocketServer } = app
  const client = await app.injectWS('/rooms/7')
  await app.injectWS('/rooms/8', { version: 'hixie-76' })
  client.send('hello')
  await once(client, 'message')
  const traffic = { messagesReceived: 1, bytesReceived: 5, messagesSent: 1, bytesSent: 5 }
  t.match(websocketServer.metrics(), {
    total: { open: 2, opened: 2, ...traffic },
    routes: [
      { route: '/rooms/:room', version: '13', open: 1, ...traffic },
      { route: '/rooms/:room', version: 'hixie-76', open: 1, messagesReceived: 0 }
    ],
    closes: {}
  })
  const [socket] = [...websocketServer.clients] as [WireSocket]
  client.close(3000)
  await once(socket, 'close')
  t.match(websocketServer.metrics(), { total: { open: 1, opened: 2, ...traffic }, closes: { 3000: 1 } })
})

t.test('latencies are measured for pings of the heartbeat', async (t) => {
  const app = await createApp(t, { heartbeat: { interval: 10, timeout: 60_000 } })
  app.ws('/demo', () => {})
  // Its timer keeps no process alive, but a port does.
  await listen(app)
  const client = await app.injectWS('/demo')
  while (app.websocketServer.metrics().latency.count === 0) await once(client, 'ping')
  t.ok(app.websocketServer.metrics().latency.max > 0)
  client.terminate()
})
