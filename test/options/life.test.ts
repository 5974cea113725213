import t from 'tap'
import { resolveBackpressure, resolveHeartbeat, resolveShutdown } from '../../lib/options/life.js'

t.test('the defaults are those of the table', async (t) => {
  const heartbeat = { interval: 30_000, timeout: 10_000, idle: 600_000 }
  t.same(resolveHeartbeat(undefined), heartbeat)
  t.same(resolveHeartbeat(true), heartbeat)
  t.same(resolveHeartbeat({}), heartbeat)
  t.same(resolveBackpressure(undefined, 1_048_576), { limit: 16_777_216, policy: 'close' })
  t.same(resolveShutdown(undefined), { code: 1001, reason: '', drain: 0 })
})

t.test('given values override the defaults', async (t) => {
  t.same(resolveHeartbeat({ interval: 1, timeout: 2, idle: false }), { interval: 1, timeout: 2, idle: false })
  t.same(resolveHeartbeat({ idle: 3 }), { interval: 30_000, timeout: 10_000, idle: 3 })
  t.same(resolveBackpressure({ limit: 0, policy: 'latest' }, 5), { limit: 0, policy: 'latest' })
  t.same(resolveShutdown({ code: 1012, reason: 'restart', drain: 5_000 }), {
    code: 1012, reason: 'restart', drain: 5_000
  })
})

t.test('heartbeat and backpressure can be turned off', async (t) => {
  t.equal(resolveHeartbeat(false), undefined)
  t.equal(resolveBackpressure(false, 0), undefined)
})

t.test('the default backpressure limit admits a message of maxPayload', async (t) => {
  t.equal(resolveBackpressure({}, 104_857_600)?.limit, 104_857_600)
})

t.test('an invalid option is refused with its name and the valid values', async (t) => {
  const wrong: Array<[string, () => unknown]> = [
    ['"heartbeat" must be false or an object', () => resolveHeartbeat(1 as never)],
    ['"heartbeat" must be false or an object', () => resolveHeartbeat(null as never)],
    ['"heartbeat.interval" must be a whole number from 1', () => resolveHeartbeat({ interval: 0 })],
    ['"heartbeat.timeout" must be a whole number', () => resolveHeartbeat({ timeout: 2 ** 31 })],
    ['"heartbeat.idle" must be false or a whole number', () => resolveHeartbeat({ idle: 1.5 })],
    ['"backpressure" must be false or an object', () => resolveBackpressure(true as never, 0)],
    ['"backpressure" must be false or an object', () => resolveBackpressure([] as never, 0)],
    ['"backpressure.limit" must be a whole number', () => resolveBackpressure({ limit: -1 }, 0)],
    [
      '"backpressure.policy" must be one of \'close\', \'drop\', \'latest\', \'wait\'',
      () => resolveBackpressure({ policy: 'x' as never }, 0)
    ],
    ['"shutdown" must be an object', () => resolveShutdown(false as never)],
    ['"shutdown.code" must be a whole number from 1000', () => resolveShutdown({ code: '1001' as never })],
    ['"shutdown.reason" must be a string', () => resolveShutdown({ reason: 1 as never })],
    ['"shutdown.drain" must be a whole number', () => resolveShutdown({ drain: -1 })]
  ]
  for (const [message, act] of wrong) t.throws(act, { code: 'FST_WIRE_OPTION', message: new RegExp(message) })
  t.throws(() => resolveShutdown({ code: 1006 }), { code: 'FST_WIRE_CLOSE_CODE' })
  t.throws(() => resolveShutdown({ reason: 'x'.repeat(124) }), { code: 'FST_WIRE_CLOSE_REASON' })
})
