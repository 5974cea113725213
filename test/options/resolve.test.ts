import t from 'tap'
import { resolveDropInSettings, resolveSettings } from '../../lib/options/resolve.js'
import { isSocketOption } from '../../lib/options/table.js'
import type { WireOptions } from '../../lib/options/options.js'

t.test('the defaults are those of the table', async (t) => {
  const settings = resolveSettings({})
  t.same(settings.versions, ['13', '8', '7', 'hixie-76', 'hixie-75'])
  t.equal(settings.protocols, undefined)
  t.same(settings.limits, { maxPayload: 1_048_576, maxFragments: 16_385 })
  t.equal(settings.closeTimeout, 5_000)
  t.equal(settings.handshakeTimeout, 10_000)
  t.equal(settings.errorHandler, undefined)
  t.equal(settings.directIO, true)
  t.equal(settings.deflate, undefined)
  t.same(settings.heartbeat, { interval: 30_000, timeout: 10_000, idle: 600_000 })
  t.same(settings.backpressure, { limit: 16_777_216, policy: 'close' })
  t.same(settings.shutdown, { code: 1001, reason: '', drain: 0 })
})

t.test('a route overrides the plugin', async (t) => {
  const errorHandler = (): void => {}
  const settings = resolveSettings({ maxPayload: 64, protocols: ['a'] }, {
    maxPayload: 100_000_000, closeTimeout: 5, errorHandler
  })
  t.same(settings.limits, { maxPayload: 64, maxFragments: 1024 })
  t.same(settings.protocols, ['a'])
  t.equal(settings.closeTimeout, 5)
  t.equal(settings.errorHandler, errorHandler)
  const choose = (): false => false
  t.equal(resolveSettings({ protocols: choose }).protocols, choose)
  t.match(resolveSettings({ perMessageDeflate: true, directIO: false }), {
    directIO: false, deflate: { threshold: 1024 }
  })
})

t.test('a refused message goes to the errorHandler, unless onInvalid is given', async (t) => {
  const errorHandler = (): void => {}
  const { onInvalid, passesBinary } = resolveSettings({})
  t.equal(onInvalid, 'close')
  t.equal(passesBinary, false)
  t.equal(resolveSettings({}).validatesSend, false)
  t.equal(resolveSettings({ validateSend: true }).validatesSend, true)
  t.equal(resolveSettings({ onBinary: 'pass' }).passesBinary, true)
  t.equal(resolveSettings({ errorHandler }).onInvalid, undefined)
  t.equal(resolveSettings({ errorHandler, onInvalid: 'close' }).onInvalid, 'close')
  t.equal(resolveSettings({ errorHandler, onInvalid: 'reply' }).onInvalid, 'reply')
})

t.test('the fragment limit scales with maxPayload', async (t) => {
  t.equal(resolveSettings({ maxPayload: 4_194_304 }).limits.maxFragments, 65_537)
  t.equal(resolveSettings({ maxFragments: 3 }).limits.maxFragments, 3)
})

t.test('the backpressure limit is finite even if maxPayload is unlimited', async (t) => {
  t.equal(resolveSettings({ maxPayload: Number.MAX_SAFE_INTEGER }).backpressure?.limit, 104_857_600)
})

t.test('an invalid option is refused with its name and the valid values', async (t) => {
  const wrong: Array<[keyof WireOptions, unknown]> = [
    ['maxPayload', -1], ['maxPayload', '1'], ['maxFragments', 0], ['closeTimeout', 0], ['closeTimeout', 2 ** 31],
    ['handshakeTimeout', 1.5], ['versions', []], ['versions', ['14']], ['versions', '13'],
    ['protocols', 'a'], ['protocols', [1]],
    ['errorHandler', true], ['heartbeat', 1], ['backpressure', true], ['shutdown', 1], ['onInvalid', 'no'],
    ['onBinary', true], ['validateSend', 1], ['directIO', 1], ['perMessageDeflate', 1]
  ]
  for (const [name, value] of wrong) {
    t.throws(() => resolveSettings({ [name]: value }), {
      code: 'FST_WIRE_OPTION', message: new RegExp(`"${name}" must be `)
    })
  }
})

t.test('socket options are separated from route options', async (t) => {
  for (const name of ['maxPayload', 'heartbeat', 'backpressure']) t.ok(isSocketOption(name), name)
  t.notOk(isSocketOption('shutdown'))
  t.notOk(isSocketOption('schema'))
})

t.test('drop-in routes have the defaults of @fastify/websocket', async (t) => {
  const settings = resolveDropInSettings({})
  t.equal(settings.limits.maxPayload, 104_857_600)
  t.equal(settings.backpressure?.limit, 104_857_600)
  t.match(settings, { reportsFaults: true, toleratesMissingHost: true, closeTimeout: 5_000 })
  t.equal(resolveDropInSettings({ maxPayload: 6 }).limits.maxPayload, 6)
  t.equal(resolveDropInSettings({ maxPayload: 6 }, { maxPayload: 7 }).limits.maxPayload, 7)
  t.equal(settings.origin, undefined)
  t.throws(() => resolveDropInSettings({ origin: null as never }), { code: 'FST_WIRE_OPTION' })
  const errorHandler = (): void => {}
  t.equal(resolveDropInSettings({ errorHandler }).errorHandler, errorHandler)
})
