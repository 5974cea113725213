import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import fastify, {
  type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest
} from 'fastify'
import { pingChannel } from '../../lib/diagnostics.js'
import { MessageInvalid, UncleanClose, UnmaskedFrame } from '../../lib/errors.js'
import { resolveDropInSettings, resolveSettings, type Settings } from '../../lib/options/resolve.js'
import type { SocketErrorHandler } from '../../lib/options/options.js'
import { createContext, createObserver, createSocketSettings, reportOpen } from '../../lib/routes/observer.js'
import { MessageSchemas } from '../../lib/routes/schema.js'
import { WireServer } from '../../lib/server/server.js'
import { beginLifetime } from '../../lib/socket/lifetime.js'
import type { WireSocket } from '../../lib/socket/socket.js'
import type { Registration } from '../../lib/routes/registration.js'

const registrationOf = (server: WireServer): Registration =>
  ({ server, socketTopics: { detach: () => {} } }) as unknown as Registration

const instance = {} as FastifyInstance

const setUp = (settings: Settings) => {
  const calls: unknown[] = []
  const log = {
    debug: (...args: unknown[]) => { calls.push(['debug', ...args]) },
    info: (...args: unknown[]) => { calls.push(['info', ...args]) },
    error: (...args: unknown[]) => { calls.push(['error', ...args]) }
  } as unknown as FastifyBaseLogger
  const socket = {
    version: '13',
    OPEN: 1,
    readyState: 1,
    traffic: { messagesReceived: 1 },
    close: (code: number) => { calls.push(['close', code]) },
    terminate: () => { calls.push(['terminate']) }
  } as unknown as WireSocket
  const request = { log, id: 'the request', ip: '192.0.2.7', routeOptions: { url: '/demo/:id' } } as FastifyRequest
  const reply = {} as FastifyReply
  const server = new WireServer()
  const open = (logsClose = true) => createContext(settings, logsClose, request, reply)
  return {
    calls, socket, request, reply, server, open, observer: createObserver(instance, settings, registrationOf(server))
  }
}

t.test('the request is kept only if the application has an error handler', async (t) => {
  const lean = setUp(resolveSettings({}))
  t.same([lean.open().request, lean.open().reply], [undefined, undefined])
  const keeping = setUp(resolveSettings({ errorHandler () {} }))
  t.equal(keeping.open().request, keeping.request)
  t.equal(keeping.open().reply, keeping.reply)
})

t.test('discarded messages are logged as a warning', async (t) => {
  const { calls, socket, observer, open, request } = setUp(resolveSettings({}))
  Object.assign(request.log, { warn: (...args: unknown[]) => { calls.push(['warn', ...args]) } })
  observer.onDiscard?.(socket, open())
  t.same(calls, [
    [
      'warn', { socket: { route: '/demo/:id', version: '13', ip: '192.0.2.7' } },
      'messages dropped: the socket has no message listener'
    ]
  ])
})

t.test('the address is looked up only if something is logged', async (t) => {
  const { open, request } = setUp(resolveSettings({}))
  t.equal(open().ip, '192.0.2.7')
  const noop = (): void => {}
  Object.assign(request, { log: { info: noop, fatal: noop } })
  t.equal(open().ip, '')
})

t.test('an error without a handler is logged and closes 1011', async (t) => {
  const { calls, socket, observer, open } = setUp(resolveSettings({}))
  const error = new Error('failed')
  observer.onError(error, socket, open())
  t.same(calls, [['error', { err: error }, 'a WebSocket handler failed'], ['close', 1011]])
})

t.test('a for await loop that ends because the peer left is not an error', async (t) => {
  const { calls, socket, observer, open } = setUp(resolveSettings({}))
  observer.onError(new UncleanClose(1006), socket, open())
  t.same(calls, [])
})

t.test('a message that the schema refuses closes the socket, or goes to the error handler', async (t) => {
  const error = new MessageInvalid('x is wrong')
  const { calls, socket, observer, open } = setUp(resolveSettings({}))
  observer.onError(error, socket, open())
  t.same(calls, [['info', { err: error }, 'a message was refused'], ['close', 1008]])
  const seen: unknown[] = []
  const handled = setUp(resolveSettings({ errorHandler: (error) => { seen.push(error) } }))
  handled.observer.onError(error, handled.socket, handled.open())
  t.same(seen, [error])
})

t.test('the schemas parse incoming and serialize outgoing values', async (t) => {
  const schemas = new MessageSchemas(
    { initialConfig: {} } as FastifyInstance, { message: {}, send: {} }, resolveSettings({}), { url: '/demo' }
  )
  const { inbound, outbound } = createSocketSettings(resolveSettings({}), registrationOf(new WireServer()), schemas)
  t.same([inbound, outbound], [schemas.inbound, schemas.outbound])
})

t.test('an error handler receives the instance, the request and the reply', async (t) => {
  const seen: unknown[] = []
  const errorHandler: SocketErrorHandler = function (...args) { seen.push(this, ...args) }
  const { socket, request, reply, observer, open } = setUp(resolveSettings({ errorHandler }))
  const error = new Error('failed')
  observer.onError(error, socket, open())
  t.strictSame(seen, [instance, error, socket, request, reply])
})

t.test('an error handler that throws or rejects terminates the socket', async (t) => {
  for (const errorHandler of [() => { throw new Error('again') }, async () => { throw new Error('again') }]) {
    const { calls, socket, observer, open } = setUp(resolveSettings({ errorHandler }))
    observer.onError(new Error('first'), socket, open())
    await Promise.resolve()
    t.match(calls, [['error', { err: { message: 'again' } }, String], ['terminate']])
  }
})

t.test('drop-in routes handle protocol errors too, after the close has been sent', async (t) => {
  const { calls, socket, observer, open } = setUp(resolveDropInSettings({}))
  const fault = Object.assign(new Error('broken rule'), { code: 'FST_WIRE_UTF8', closeCode: 1007 })
  observer.onProtocolError?.(fault, socket, open())
  t.equal(fault.code, 'WS_ERR_INVALID_UTF8')
  t.same(calls, [])
  await new Promise((resolve) => { process.nextTick(resolve) })
  t.same(calls, [['error', fault]])
  observer.onError('no error', socket, open())
  t.same(calls.slice(1), [['error', 'no error'], ['terminate']])
})

t.test('the close of a socket is logged, and the socket is removed from the clients', async (t) => {
  const { calls, socket, server, observer, open } = setUp(resolveSettings({}))
  server.sockets.add(socket)
  observer.onClose(socket, 1000, Buffer.from('bye'), open())
  t.equal(server.sockets.size, 0)
  t.match(calls, [
    [
      'info', { socket: { version: '13', code: 1000, reason: 'bye', messagesReceived: 1 }, duration: Number },
      'socket closed'
    ]
  ])
  observer.onClose(socket, 1000, Buffer.alloc(0), open(false))
  t.equal(calls.length, 1)
})

t.test('the close is logged by a logger with one function for all levels, but not by a disabled one', async (t) => {
  const { calls, socket, observer, open, request } = setUp(resolveSettings({}))
  const write = (...args: unknown[]): void => { calls.push(args) }
  Object.assign(request.log, { info: write, fatal: write })
  observer.onClose(socket, 1000, Buffer.alloc(0), open())
  t.match(calls, [[{ socket: { ip: '192.0.2.7' } }, 'socket closed']])
  for (const { log } of [fastify(), fastify({ logger: { level: 'silent' } })]) {
    const context = createContext(resolveSettings({}), true, { ...request, log } as FastifyRequest, {} as FastifyReply)
    t.match(context, { ip: '', logsClose: false })
  }
})

t.test('the protocol error that closed a socket is on the same log line, with its own code', async (t) => {
  for (const settings of [resolveSettings({}), resolveDropInSettings({ errorHandler: () => {} })]) {
    const { calls, socket, observer, open } = setUp(settings)
    const context = open()
    t.notOk('fault' in context)
    observer.onProtocolError?.(new UnmaskedFrame(), socket, context)
    observer.onClose(socket, 1006, Buffer.alloc(0), context)
    t.match(calls, [
      ['info', { socket: { code: 1006, fault: { code: 'FST_WIRE_MASK', message: /not masked/ } } }, 'socket closed']
    ])
  }
})

t.test('heartbeat and backpressure follow the settings', async (t) => {
  const create = (options: object) => createSocketSettings(resolveSettings(options), registrationOf(new WireServer()))
  const own = create({ backpressure: { limit: 5 } })
  t.same(own.backpressure, { limit: 5, policy: 'close' })
  t.equal(own.heartbeat, create({}).heartbeat)
  const without = create({ heartbeat: false, backpressure: false })
  t.same([without.heartbeat, without.backpressure], [undefined, undefined])
})

t.test('a closed socket has no lifetime timer', async (t) => {
  const { calls, socket, observer, open } = setUp(resolveSettings({ maxLifetime: 20, lifetimeJitter: 0 }))
  const context = open(false)
  context.lifetimeEnd = beginLifetime(socket, { longest: 20, jitter: 0 })
  const other = { ...socket, close: (code: number) => { calls.push(['close of another', code]) } } as WireSocket
  const late = new Promise<void>((resolve) => {
    beginLifetime({
      ...other,
      close: (code: number) => {
        other.close(code)
        resolve()
      }
    } as WireSocket, { longest: 40, jitter: 0 })
  })
  observer.onClose(socket, 1000, Buffer.alloc(0), context)
  // The timer of lifetimes keeps no process alive.
  const alive = setInterval(() => {}, 1_000)
  await late
  clearInterval(alive)
  t.same(calls, [['close of another', 1001]])
})

t.test('sockets have the rate limit of their route', async (t) => {
  const rateOf = (options: object) => createSocketSettings(
    resolveSettings(options), registrationOf(new WireServer())
  ).messageRate
  t.same(rateOf({ messageRate: { rate: 5 } }), { rate: 5, burst: 5, pauses: false })
  t.equal(rateOf({}), undefined)
})

t.test('the reason for terminating a socket is logged', async (t) => {
  const { calls, socket, observer, open } = setUp(resolveSettings({}))
  observer.onTerminate?.('it was silent', Object.assign(socket, { bufferedAmount: 7 }), open())
  t.match(calls, [
    [
      'info', { socket: { version: '13', reason: 'it was silent', bufferedAmount: 7 }, duration: Number },
      'socket terminated'
    ]
  ])
  t.equal(
    createSocketSettings(resolveSettings({ heartbeat: false }), registrationOf(new WireServer())).heartbeat, undefined
  )
})

const FACTS = { requestId: 'the request', route: '/demo/:id', version: '13' }

/** Collects the messages of a channel while a test runs. */
function follow (t: Test, name: string): unknown[] {
  const seen: unknown[] = []
  const see = (report: unknown): void => { seen.push(report) }
  subscribe(`fastify-wire:${name}`, see)
  t.teardown(() => { unsubscribe(`fastify-wire:${name}`, see) })
  return seen
}

t.test('an opened socket is counted, logged at level debug, and published', async (t) => {
  const { calls, socket, request, server, open } = setUp(resolveSettings({}))
  const facts = { socket: { route: '/demo/:id', version: '13', ip: '192.0.2.7', protocol: 'chat', extensions: '' } }
  Object.assign(socket, { protocol: 'chat', extensions: '' })
  reportOpen(server, socket, request, open())
  t.same(calls, [['debug', facts, 'socket opened']])
  const seen = follow(t, 'open')
  reportOpen(server, socket, request, open(false))
  t.equal(calls.length, 1)
  t.match(seen, [{ ...FACTS, socket, request }])
  t.match(server.metrics(), { total: { opened: 2 }, routes: [{ route: '/demo/:id', version: '13' }] })
})

t.test('errors and closes are published with the facts of their socket', async (t) => {
  const { socket, observer, open, server } = setUp(resolveSettings({}))
  const errors = follow(t, 'error')
  const closes = follow(t, 'close')
  const pings = follow(t, 'ping')
  observer.onError(new Error('broken'), socket, open())
  observer.onError(new MessageInvalid('wrong'), socket, open())
  observer.publish?.(pingChannel, { kind: 'ping', direction: 'in', data: Buffer.from('a') }, socket, open())
  observer.onClose(socket, 1000, Buffer.from('bye'), open(false))
  t.match(errors, [
    { ...FACTS, socket, error: { message: 'broken' }, source: 'application' }, { ...FACTS, source: 'peer' }
  ])
  t.match(pings, [{ ...FACTS, socket, kind: 'ping', direction: 'in', data: Buffer.from('a') }])
  t.match(closes, [{ ...FACTS, socket, code: 1000, reason: 'bye', duration: Number }])
  t.same(server.metrics().closes, { 1000: 1 })
})

t.test("the latencies of a route's heartbeat are measured", async (t) => {
  const { observer, server } = setUp(resolveSettings({}))
  observer.onLatency?.(5)
  t.equal(server.metrics().latency.count, 1)
})

t.test('the server waits for asynchronous close listeners of its routes', async (t) => {
  const { observer, server } = setUp(resolveSettings({}))
  let finish = (): void => {}
  observer.onCloseListeners?.([new Promise<void>((resolve) => { finish = resolve })])
  let isSettled = false
  const settled = server.closeListeners.settled().then(() => { isSettled = true })
  await new Promise((resolve) => { setImmediate(resolve) })
  t.equal(isSettled, false)
  finish()
  await settled
})
