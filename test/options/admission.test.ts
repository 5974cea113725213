import t from 'tap'
import { resolveAdmission } from '../../lib/options/resolve.js'
import type { AdmissionOptions } from '../../lib/options/options.js'

const resolve = (options: AdmissionOptions) => resolveAdmission(options, options)

t.test('the defaults are those of the table', async (t) => {
  t.same(resolve({}), {
    origin: { origins: new Set(), patterns: [], hasOwn: true },
    maxConnections: undefined,
    maxConnectionsPerAddress: undefined,
    handshakeTimeout: 10_000,
    messageRate: undefined,
    lifetime: undefined
  })
})

t.test('origin is a string, a list, a function, or true', async (t) => {
  const check = (): boolean => true
  t.equal(resolve({ origin: true }).origin, undefined)
  t.equal(resolve({ origin: check }).origin, check)
  t.match(resolve({ origin: 'https://a.example' }).origin, { origins: new Set(['https://a.example']), hasOwn: false })
  t.match(resolve({ origin: /a/ }).origin, { patterns: [/a/], hasOwn: false })
  t.match(resolve({ origin: ['same-origin', 'null', /a/] }).origin, {
    origins: new Set(['null']), patterns: [/a/], hasOwn: true
  })
  t.match(resolve({ origin: [] }).origin, { hasOwn: false })
})

t.test('connections are counted only if a limit is given', async (t) => {
  const plugin = { maxConnections: 100, maxConnectionsPerAddress: 10, handshakeTimeout: 5 }
  t.match(resolveAdmission(plugin, plugin), { maxConnections: 100, maxConnectionsPerAddress: 10 })
  t.match(resolveAdmission({ ...plugin, maxConnections: 5 }, { maxConnections: 5 }), {
    maxConnections: 5, maxConnectionsPerAddress: undefined, handshakeTimeout: 5
  })
})

t.test('the default burst is one second of the rate, and at least one', async (t) => {
  t.same(resolve({ messageRate: { rate: 2.5 } }).messageRate, { rate: 2.5, burst: 3, pauses: false })
  t.same(resolve({ messageRate: { rate: 0.1, policy: 'pause' } }).messageRate, { rate: 0.1, burst: 1, pauses: true })
  t.same(resolve({ messageRate: { rate: 10, burst: 50, policy: 'close' } }).messageRate, {
    rate: 10, burst: 50, pauses: false
  })
})

t.test('the default jitter of a lifetime is a tenth', async (t) => {
  t.same(resolve({ maxLifetime: 60_000 }).lifetime, { longest: 60_000, jitter: 0.1 })
  t.same(resolve({ maxLifetime: 60_000, lifetimeJitter: 0 }).lifetime, { longest: 60_000, jitter: 0 })
})

t.test('an invalid value is refused with the valid ones', async (t) => {
  const cases: Array<[options: object, message: string | RegExp]> = [
    [
      { origin: '*' },
      /"origin" must be true, a function, or a list of origins such as 'https:\/\/example.com'.* not '\*'/
    ],
    [{ origin: false }, 'not false'],
    [{ origin: null }, 'not null'],
    [{ origin: 'https://*.example.com' }, 'regular expressions'],
    [{ origin: 'wss://a.example' }, "not 'wss:"],
    [{ lifetimeJitter: '0.5' }, "not '0.5'"],
    [{ origin: ['https://a.example', 'b.example'] }, "not 'b.example'"],
    [{ maxConnections: -1 }, '"maxConnections" must be a whole number from 0'],
    [{ maxConnectionsPerAddress: 0 }, '"maxConnectionsPerAddress" must be a whole number from 1'],
    [{ maxConnections: 1.5 }, 'not 1.5'],
    [{ handshakeTimeout: 0 }, '"handshakeTimeout" must be a whole number from 1'],
    [{ handshakeTimeout: 2 ** 31 }, 'to 2147483647'],
    [{ messageRate: 5 }, '"messageRate" must be an object'],
    [{ messageRate: null }, '"messageRate" must be an object'],
    [{ messageRate: { rate: 0 } }, '"messageRate.rate" must be a number'],
    [{ messageRate: { rate: Infinity } }, '"messageRate.rate" must be a number'],
    [{ messageRate: { rate: '5' } }, '"messageRate.rate" must be a number'],
    [{ messageRate: { rate: 5, burst: 0 } }, '"messageRate.burst" must be a whole number from 1'],
    [{ messageRate: { rate: 5, policy: 'drop' } }, "'close', 'pause', not 'drop'"],
    [{ maxLifetime: 0 }, '"maxLifetime" must be a whole number from 1'],
    [{ lifetimeJitter: 1.1 }, '"lifetimeJitter" must be a fraction from 0 to 1'],
    [{ lifetimeJitter: -0.1 }, '"lifetimeJitter" must be a fraction from 0 to 1'],
    [{ lifetimeJitter: NaN }, '"lifetimeJitter" must be a fraction from 0 to 1']
  ]
  for (const [options, message] of cases) {
    t.throws(() => resolve(options as AdmissionOptions), {
      code: 'FST_WIRE_OPTION',
      message: typeof message === 'string' ? new RegExp(message.replace(/[.]/g, '\\.')) : message
    })
  }
})
