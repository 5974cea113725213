import t, { type Test } from 'tap'
import { negotiateDeflate, readExtensions } from '../../lib/handshake/extensions.js'
import type { DeflateSettings } from '../../lib/deflate/settings.js'
import { SETTINGS } from '../fixtures/deflate.js'

const TAKEOVER: DeflateSettings = { ...SETTINGS, contextTakeover: true, clientContextTakeover: true }

const read = (value: string) => readExtensions({ 'sec-websocket-extensions': value })
const negotiate = (value: string, settings: DeflateSettings = SETTINGS) => negotiateDeflate(read(value), settings)
const refuses = (t: Test, value: string, message: RegExp): void => {
  t.throws(() => read(value), { code: 'FST_WIRE_EXTENSIONS_HEADER', statusCode: 400, message }, JSON.stringify(value))
}

t.test('extensions are parsed in order, with their parameters', async (t) => {
  t.strictSame(read('foo, bar; baz=2'), [
    { name: 'foo', parameters: [] },
    { name: 'bar', parameters: [{ name: 'baz', value: '2' }] }
  ])
  t.strictSame(read('a;b;b=c;d="e"'), [
    { name: 'a', parameters: [{ name: 'b', value: undefined }, { name: 'b', value: 'c' }, { name: 'd', value: 'e' }] }
  ])
})

t.test('whitespace between the parts is allowed', async (t) => {
  t.strictSame(read(' \ta\t; b = c ;d = "e" , f '), [
    { name: 'a', parameters: [{ name: 'b', value: 'c' }, { name: 'd', value: 'e' }] },
    { name: 'f', parameters: [] }
  ])
})

t.test('empty elements are skipped', async (t) => {
  t.strictSame(read(', a ,, b,').map(({ name }) => name), ['a', 'b'])
})

t.test('escapes in a quoted value are decoded', async (t) => {
  t.strictSame(read('a; b="1\\5"')[0]?.parameters, [{ name: 'b', value: '15' }])
})

t.test('repeated headers are combined into one list', async (t) => {
  const headers = { 'sec-websocket-extensions': ['a; b', 'c'] as unknown as string }
  t.strictSame(readExtensions(headers).map(({ name }) => name), ['a', 'c'])
})

t.test('a missing or empty header offers nothing', async (t) => {
  t.strictSame(readExtensions({}), [])
  t.strictSame(read(''), [])
  t.strictSame(read(' \t'), [])
})

t.test('a header that does not match the grammar is refused', async (t) => {
  for (const value of ['a b', 'a; b c', 'a; b=c d', 'a; b="c" d', 'a=b']) refuses(t, value, /comma is missing/)
  for (const value of ['a;', 'a;;b', 'a; =b', 'a; b=', 'a; b=;c', '=a', ';', 'é', 'a\u00a0,\u00a0b', 'a; b=(', '"a"']) {
    refuses(t, value, /token|comma/)
  }
  for (const value of ['a; b="c d"', 'a; b="c', 'a; b="c\\', 'a; b="é"', 'a; b="\\""']) {
    refuses(t, value, /quoted value is not a token/)
  }
  refuses(t, 'a; b=""', /quoted value is empty/)
  for (const value of [',', ' , ,']) refuses(t, value, /no extension/)
})

t.test('the number of extensions and parameters is bounded', async (t) => {
  t.equal(read(Array(16).fill('a').join()).length, 16)
  refuses(t, Array(17).fill('a').join(), /more than 16 extensions at character 32/)
  t.equal(read('a' + ';b'.repeat(16))[0]?.parameters.length, 16)
  refuses(t, 'a' + ';b'.repeat(17), /more than 16 parameters/)
})

t.test('a hostile header takes linear time to parse', async (t) => {
  const start = process.cpuUsage()
  for (const unit of [' ', ',', ', ', '\\', 'a', ' \t']) {
    for (const value of [unit.repeat(500_000), `a${unit.repeat(500_000)}b c`, `a; b="${unit.repeat(500_000)}`]) {
      try {
        read(value)
      } catch (error) {
        t.match(error, { code: 'FST_WIRE_EXTENSIONS_HEADER' })
      }
    }
  }
  // It needs half a second; by the square of the length it would be hours.
  t.ok(process.cpuUsage(start).user < 60_000_000)
})

t.test('no extension is accepted without an offer of permessage-deflate', async (t) => {
  t.equal(negotiate(''), undefined)
  t.equal(negotiate('permessage-bzip2, x-webkit-deflate-frame, Permessage-Deflate'), undefined)
})

t.test('by default neither side keeps its context', async (t) => {
  t.strictSame(negotiate('permessage-deflate; client_max_window_bits'), {
    parameters: {
      serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 15, clientMaxWindowBits: 15
    },
    answer: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
  })
})

t.test('with context takeover the extension is accepted without parameters', async (t) => {
  t.strictSame(negotiate('permessage-deflate', TAKEOVER), {
    parameters: {
      serverNoContextTakeover: false, clientNoContextTakeover: false, serverMaxWindowBits: 15, clientMaxWindowBits: 15
    },
    answer: 'permessage-deflate'
  })
})

t.test('parameters that a client offers are accepted', async (t) => {
  t.strictSame(negotiate('permessage-deflate; server_no_context_takeover; client_no_context_takeover', TAKEOVER), {
    parameters: {
      serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 15, clientMaxWindowBits: 15
    },
    answer: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
  })
  t.match(negotiate('permessage-deflate; server_max_window_bits=10', TAKEOVER), {
    parameters: { serverMaxWindowBits: 10 }, answer: 'permessage-deflate; server_max_window_bits=10'
  })
  t.match(negotiate('permessage-deflate; client_max_window_bits=8', TAKEOVER), {
    parameters: { clientMaxWindowBits: 8 }, answer: 'permessage-deflate; client_max_window_bits=8'
  })
})

t.test('the server window is the smaller of both values, and is in the answer', async (t) => {
  const settings = { ...TAKEOVER, windowBits: 12 }
  t.match(negotiate('permessage-deflate; server_max_window_bits=15', TAKEOVER)?.answer, /; server_max_window_bits=15$/)
  t.match(negotiate('permessage-deflate; server_max_window_bits=15', settings), {
    parameters: { serverMaxWindowBits: 12 }, answer: /; server_max_window_bits=12$/
  })
  t.match(negotiate('permessage-deflate; server_max_window_bits=9', settings), {
    parameters: { serverMaxWindowBits: 9 }, answer: /; server_max_window_bits=9$/
  })
  t.match(negotiate('permessage-deflate', settings), {
    parameters: { serverMaxWindowBits: 12 }, answer: /; server_max_window_bits=12$/
  })
})

t.test('the client window is in the answer only if the client offered the parameter', async (t) => {
  const settings = { ...TAKEOVER, clientWindowBits: 11 }
  t.match(negotiate('permessage-deflate; client_max_window_bits', settings), {
    parameters: { clientMaxWindowBits: 11, clientNoContextTakeover: false },
    answer: 'permessage-deflate; client_max_window_bits=11'
  })
  t.match(negotiate('permessage-deflate; client_max_window_bits=10', settings)?.answer, /client_max_window_bits=10$/)
  t.match(negotiate('permessage-deflate; client_max_window_bits=15', TAKEOVER)?.answer, /^permessage-deflate$/)
  t.strictSame(negotiate('permessage-deflate', settings), {
    parameters: {
      serverNoContextTakeover: false, clientNoContextTakeover: true, serverMaxWindowBits: 15, clientMaxWindowBits: 15
    },
    answer: 'permessage-deflate; client_no_context_takeover'
  }, 'one that cannot be bounded keeps no context')
})

t.test('window bits are 8 to 15 in their shortest form, quoted or not', async (t) => {
  for (const value of ['9', '10', '15', '"12"', '"1\\2"']) {
    t.ok(negotiate(`permessage-deflate; server_max_window_bits=${value}`), value)
  }
  for (const name of ['server_max_window_bits', 'client_max_window_bits']) {
    for (const value of ['7', '16', '08', '015', '1', '0', '-9', '+9', '9.0', '1e1', '0x9', '1a', '99']) {
      t.equal(negotiate(`permessage-deflate; ${name}=${value}`), undefined, `${name}=${value}`)
    }
  }
  t.ok(negotiate('permessage-deflate; client_max_window_bits=8'))
  t.equal(negotiate('permessage-deflate; server_max_window_bits'), undefined, 'the value is required of the server')
})

t.test('a window of 8 bits, which zlib cannot use, is declined', async (t) => {
  t.equal(negotiate('permessage-deflate; server_max_window_bits=8'), undefined)
})

t.test('an offer with an unknown, repeated or invalid parameter is declined, and the next one accepted', async (t) => {
  for (const parameters of [
    'unknown', 'SERVER_NO_CONTEXT_TAKEOVER', 'server_no_context_takeover=1', 'client_no_context_takeover=true',
    'server_no_context_takeover; server_no_context_takeover', 'client_no_context_takeover; client_no_context_takeover',
    'server_max_window_bits=10; server_max_window_bits=10', 'client_max_window_bits; client_max_window_bits',
    'server_max_window_bits=8'
  ]) {
    t.equal(negotiate(`permessage-deflate; ${parameters}`), undefined, parameters)
    t.match(negotiate(
      `other, permessage-deflate; ${parameters}, permessage-deflate; server_max_window_bits=9, permessage-deflate`
    )?.answer,
    /server_max_window_bits=9$/, parameters)
  }
})
