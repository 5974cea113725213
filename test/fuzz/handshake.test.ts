import fc from 'fast-check'
import t from 'tap'
import { readExtensions, negotiateDeflate, type ExtensionOffer } from '../../lib/handshake/extensions.js'
import { readHandshake } from '../../lib/handshake/handshake.js'
import { VERSIONS } from '../../lib/versions.js'
import { SETTINGS } from '../fixtures/deflate.js'
import { holds } from './properties.js'
import { TARGETS } from './targets.js'

const TOKEN = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"
const token = fc.string({ unit: fc.constantFrom(...TOKEN), minLength: 1, maxLength: 8 })
const space = fc.constantFrom('', '', ' ', '\t', '  ')

const LINES = [
  'Host: example.com', 'Host: [::1]:80', 'Upgrade: websocket', 'Upgrade: WebSocket', 'Connection: Upgrade',
  'Connection: keep-alive, Upgrade', 'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Version: 8', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Origin: http://example.com',
  'Origin: null', 'Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5',
  'Sec-WebSocket-Key2: 12998 5 Y3 1  .P00', 'Sec-WebSocket-Protocol: a, b', 'WebSocket-Protocol: sample',
  ':protocol: websocket',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10'
]
const NAMES = LINES.map((line) => line.slice(0, line.indexOf(':', 1)))
const line = fc.oneof(fc.constantFrom(...LINES), fc.tuple(fc.constantFrom(...NAMES), fc.string({
  unit: 'binary-ascii', maxLength: 40
})).map(([name, value]) => `${name}: ${value.replaceAll('\n', ' ')}`))
const head = fc.tuple(
  fc.constantFrom(
    'GET /demo 1.1', 'GET * 1.1', 'GET http://x/y 1.1', 'POST / 1.1', 'CONNECT / 2.0', 'GET /demo 1.0', 'GET /demo x'
  ),
  fc.uniqueArray(line, { maxLength: 12 })
)

t.test('any head is a handshake or is refused with a code and a status, and injects no header', async () => {
  await holds(
    1_500,
    fc.property(head, ([first, lines]) => { TARGETS.handshake(Buffer.from([first, ...lines].join('\n'), 'latin1')) })
  )
})

t.test('random bytes in a head are a handshake or are refused with a code and a status', async () => {
  await holds(500, fc.property(fc.string({
    unit: 'binary-ascii', maxLength: 200
  }), (text) => { TARGETS.handshake(Buffer.from(text, 'latin1')) }))
})

const parameter = fc.record({
  name: token,
  value: fc.option(token, { nil: undefined }),
  isQuoted: fc.boolean(),
  spaces: fc.array(space, { minLength: 4, maxLength: 4 })
})
const offer = fc.record({ name: token, parameters: fc.array(parameter, { maxLength: 5 }) })

t.test('extensions are parsed as they were written, with any whitespace and quotes', async (t) => {
  await holds(500, fc.property(fc.array(offer, { minLength: 1, maxLength: 6 }), space, (offers, between) => {
    const written = offers.map(({
      name, parameters
    }) => name + parameters.map(({ name, value, isQuoted, spaces: [a, b, c, d] }) =>
      `${a};${b}${name}${value === undefined ? '' : `${c}=${d}${isQuoted ? `"${value.replace(/./g, (char, i: number) => i % 3 === 0 ? `\\${char}` : char)}"` : value}`}`).join('')).join(`${between},${between}`)
    const read: readonly ExtensionOffer[] = readExtensions({ 'sec-websocket-extensions': written })
    const expected = offers.map(({ name, parameters }) => ({
      name, parameters: parameters.map(({ name, value }) => ({ name, value }))
    }))
    return JSON.stringify(read) === JSON.stringify(expected) || (t.same(read, expected), false)
  }))
})

const bits = fc.constantFrom(undefined, ...Array.from({ length: 10 }, (_, i) => i + 7))

t.test('a negotiated answer keeps the offer, and contains nothing that was not offered (RFC 7692 §7.1)', async () => {
  await holds(1_000, fc.property(fc.boolean(), fc.boolean(), bits, fc.oneof(
    bits, fc.constant('able' as const)
  ), fc.boolean(), fc.boolean(), fc.integer({ min: 9, max: 15 }),
  fc.integer({
    min: 9, max: 15
  }), (
    serverNone, clientNone, serverBits, clientBits, contextTakeover, clientContextTakeover, windowBits, clientWindowBits
  ) => {
    const text = ['permessage-deflate', ...(serverNone
      ? [
          'server_no_context_takeover'
        ]
      : []), ...(clientNone ? ['client_no_context_takeover'] : []),
    ...(serverBits === undefined ? [] : [`server_max_window_bits=${serverBits}`]),
    ...(clientBits === undefined
      ? []
      : [
          clientBits === 'able' ? 'client_max_window_bits' : `client_max_window_bits=${clientBits}`
        ])].join('; ')
    const found = negotiateDeflate(readExtensions({ 'sec-websocket-extensions': text }), {
      ...SETTINGS, contextTakeover, clientContextTakeover, windowBits, clientWindowBits
    })
    const isValid = (value: typeof clientBits): boolean => value === undefined || value === 'able' ||
      (value >= 8 && value <= 15)
    // zlib has no raw stream with a window of 256 bytes.
    if (!isValid(serverBits) || !isValid(clientBits) || serverBits === 8) return found === undefined
    if (found === undefined) return false
    const [{ parameters }] = readExtensions({ 'sec-websocket-extensions': found.answer }) as [ExtensionOffer]
    const said = new Map(parameters.map(({ name, value }) => [name, value]))
    return said.size === parameters.length &&
      (!serverNone || said.has('server_no_context_takeover')) &&
      (!clientNone || found.parameters.clientNoContextTakeover) &&
      (serverBits === undefined || Number(said.get('server_max_window_bits')) <= serverBits) &&
      (clientBits !== undefined || !said.has('client_max_window_bits')) &&
      (clientBits === undefined || clientBits === 'able' ||
        Number(said.get('client_max_window_bits') ?? 15) <= clientBits) &&
      found.parameters.serverMaxWindowBits === Number(said.get('server_max_window_bits') ?? 15) &&
      found.parameters.clientMaxWindowBits === Number(said.get('client_max_window_bits') ?? 15)
  }))
})

/** A key as a client makes it (draft-ietf-hybi-thewebsocketprotocol-00 §4.1, steps 16 to 22). */
const hixieKey = fc.record({
  spaces: fc.integer({ min: 1, max: 12 }),
  fraction: fc.double({ min: 0, max: 1, noNaN: true }),
  noise: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'!"#$%&/:;<=>?@AZaz~')), { minLength: 1, maxLength: 12 }),
  at: fc.array(fc.nat(), { minLength: 12, maxLength: 12 })
})
  .map(({ spaces, fraction, noise, at }) => {
    const number = Math.floor(Math.floor(0xffffffff / spaces) * fraction)
    let key = String(number * spaces)
    const insert = (char: string, place: number): void => { key = key.slice(0, place) + char + key.slice(place) }
    for (const [place, char] of noise) insert(char, place % (key.length + 1))
    // A space stands at neither end.
    for (let i = 0; i < spaces; i++) insert(' ', 1 + (at[i] as number) % Math.max(1, key.length - 1))
    return { key, number }
  }).filter(({ key }) => key === key.trim())

t.test('keys of a hixie-76 client are accepted and answered correctly', async () => {
  await holds(500, fc.property(hixieKey, hixieKey, (one, two) => {
    const headers = {
      host: 'a',
      upgrade: 'WebSocket',
      connection: 'Upgrade',
      origin: 'http://a',
      'sec-websocket-key1': one.key,
      'sec-websocket-key2': two.key
    }
    const read = readHandshake({
      method: 'GET', url: '/', httpVersion: '1.1', secure: false, host: 'a', headers
    }, VERSIONS)
    return read.version === 'hixie-76' && read.answer(undefined, Buffer.from('12345678')).body?.length === 16
  }))
})
