import t from 'tap'
import { resolveDeflate } from '../../lib/options/deflate.js'
import type { DeflateOptions } from '../../lib/deflate/settings.js'

const DEFAULTS = {
  threshold: 1024,
  level: 3,
  memLevel: 8,
  contextTakeover: false,
  clientContextTakeover: false,
  windowBits: 15,
  clientWindowBits: 15
}

t.test('compression is off by default', async (t) => {
  t.equal(resolveDeflate(undefined), undefined)
  t.equal(resolveDeflate(false), undefined)
})

t.test('true and an empty object mean the defaults', async (t) => {
  t.strictSame(resolveDeflate(true), DEFAULTS)
  t.strictSame(resolveDeflate({}), DEFAULTS)
})

t.test('each option has two names', async (t) => {
  const cases: Array<[DeflateOptions, Partial<typeof DEFAULTS>]> = [
    [{ threshold: 0 }, { threshold: 0 }],
    [{ threshold: Number.MAX_SAFE_INTEGER }, { threshold: Number.MAX_SAFE_INTEGER }],
    [{ level: 1 }, { level: 1 }],
    [{ level: 9 }, { level: 9 }],
    [{ zlibDeflateOptions: { level: 6 } }, { level: 6 }],
    [{ memLevel: 9 }, { memLevel: 9 }],
    [{ zlibDeflateOptions: { memLevel: 1 } }, { memLevel: 1 }],
    [{ contextTakeover: true }, { contextTakeover: true }],
    [{ serverNoContextTakeover: false }, { contextTakeover: true }],
    [{ serverNoContextTakeover: true }, {}],
    [{ clientContextTakeover: true }, { clientContextTakeover: true }],
    [{ clientNoContextTakeover: false }, { clientContextTakeover: true }],
    [{ clientNoContextTakeover: true }, {}],
    [{ windowBits: 9 }, { windowBits: 9 }],
    [{ serverMaxWindowBits: 10 }, { windowBits: 10 }],
    [{ clientWindowBits: 11 }, { clientWindowBits: 11 }],
    [{ clientMaxWindowBits: 12 }, { clientWindowBits: 12 }],
    [{ clientMaxWindowBits: true as unknown as number }, {}],
    [{ clientMaxWindowBits: false as unknown as number }, {}],
    [{ serverMaxWindowBits: true as unknown as number }, {}],
    [{ serverMaxWindowBits: 8 }, { windowBits: 9 }],
    [{ zlibDeflateOptions: { level: -1, memLevel: 0 } }, {}],
    [{ zlibInflateOptions: { chunkSize: 1024 }, concurrencyLimit: 10 }, {}]
  ]
  for (const [given, expected] of cases) {
    t.strictSame(resolveDeflate(given), { ...DEFAULTS, ...expected }, JSON.stringify(given))
  }
})

t.test('our name takes precedence if both are given', async (t) => {
  t.strictSame(
    resolveDeflate({
      level: 2,
      memLevel: 3,
      zlibDeflateOptions: { level: 7, memLevel: 7 },
      contextTakeover: false,
      serverNoContextTakeover: false,
      clientContextTakeover: false,
      clientNoContextTakeover: false,
      windowBits: 9,
      serverMaxWindowBits: 14,
      clientWindowBits: 10,
      clientMaxWindowBits: 14
    }),
    { ...DEFAULTS, level: 2, memLevel: 3, windowBits: 9, clientWindowBits: 10 })
})

t.test('an invalid value is refused with the name of its option', async (t) => {
  const cases: Array<[unknown, RegExp]> = [
    ['yes', /"perMessageDeflate" must be true, false or an object, not 'yes'/],
    [null, /"perMessageDeflate" .* not null/],
    [1, /"perMessageDeflate"/],
    [{ threshold: -1 }, /"perMessageDeflate\.threshold" must be a whole number from 0 to /],
    [{ threshold: '1kb' }, /not '1kb'/],
    [{ level: 0 }, /perMessageDeflate\.level" must be a whole number from 1 to 9, not 0/],
    [{ level: 10 }, /perMessageDeflate\.level/],
    [{ zlibDeflateOptions: { level: 1.5 } }, /perMessageDeflate\.zlibDeflateOptions\.level/],
    [{ memLevel: 0 }, /perMessageDeflate\.memLevel/],
    [{ windowBits: 8 }, /perMessageDeflate\.windowBits" must be a whole number from 9 to 15, not 8/],
    [{ serverMaxWindowBits: 16 }, /perMessageDeflate\.serverMaxWindowBits/],
    [{ clientWindowBits: 8 }, /perMessageDeflate\.clientWindowBits/],
    [{ clientMaxWindowBits: 16 }, /perMessageDeflate\.clientMaxWindowBits/],
    [{ contextTakeover: 1 }, /perMessageDeflate\.contextTakeover/],
    [{ clientContextTakeover: 'no' }, /perMessageDeflate\.clientContextTakeover/]
  ]
  for (const [given, message] of cases) {
    t.throws(() => resolveDeflate(given as DeflateOptions), { code: 'FST_WIRE_OPTION', message }, JSON.stringify(given))
  }
})

t.test('an unknown option is refused', async (t) => {
  t.throws(() => resolveDeflate({ treshold: 1 } as DeflateOptions), {
    code: 'FST_WIRE_UNKNOWN_OPTION', message: /"perMessageDeflate\.treshold"/
  })
})
