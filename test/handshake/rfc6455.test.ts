import t from 'tap'
import type { HandshakeRequest } from '../../lib/handshake/answer.js'
import { readProtocols, readRfc6455 } from '../../lib/handshake/rfc6455.js'

const NO_BODY = Buffer.alloc(0)

function request (headers: Record<string, string> = {}): HandshakeRequest {
  return {
    method: 'GET',
    httpVersion: '1.1',
    url: '/demo',
    headers: {
      host: 'example.com',
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers
    },
    secure: false,
    host: 'example.com'
  }
}

t.test('the example of RFC 6455 §1.3 gets its answer', async t => {
  const handshake = readRfc6455(request(), '13')
  t.match(handshake, { version: '13', offered: [], origin: undefined, bodyLength: 0 })
  t.strictSame(handshake.answer(undefined, NO_BODY), {
    reason: 'Switching Protocols',
    headers: [
      'Upgrade', 'websocket',
      'Connection', 'Upgrade',
      'Sec-WebSocket-Accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    ],
    body: undefined
  })
})

t.test('the chosen subprotocol is the last header of the answer', async t => {
  const handshake = readRfc6455(request({ 'sec-websocket-protocol': 'chat, superchat' }), '13')
  t.strictSame(handshake.offered, ['chat', 'superchat'])
  t.strictSame(handshake.answer('superchat', NO_BODY).headers.slice(6), ['Sec-WebSocket-Protocol', 'superchat'])
})

t.test('the origin is read from Origin, in the drafts from Sec-WebSocket-Origin', async t => {
  const both = request({ origin: 'http://a', 'sec-websocket-origin': 'http://b' })
  t.equal(readRfc6455(both, '13').origin, 'http://a', 'is Origin in version 13')
  t.equal(readRfc6455(both, '8').origin, 'http://b', 'is Sec-WebSocket-Origin in version 8')
  t.equal(readRfc6455(both, '7').origin, 'http://b', 'is Sec-WebSocket-Origin in version 7')
  t.equal(
    readRfc6455(request({ origin: 'http://a' }), '8').origin, 'http://a', 'is Origin in version 8 without the other'
  )
  t.equal(readRfc6455(request({ 'sec-websocket-origin': 'http://b' }), '13').origin, undefined,
    'is never Sec-WebSocket-Origin in version 13')
  t.equal(readRfc6455(request(), '7').origin, undefined, 'is undefined when none came')
})

t.test('the handshake has its version', async t => {
  t.equal(readRfc6455(request(), '8').version, '8')
  t.equal(readRfc6455(request(), '7').version, '7')
})

t.test('a handshake without a key is refused', async t => {
  const { 'sec-websocket-key': key, ...headers } = request().headers
  t.ok(key)
  t.throws(() => readRfc6455({ ...request(), headers }, '13'), { code: 'FST_WIRE_KEY_MISSING', statusCode: 400 })
})

t.test('a key that is not 16 bytes in base64 is refused', async t => {
  for (const key of [
    '',
    'dGhlIHNhbXBsZSBub25jZQ',
    'dGhlIHNhbXBsZSBub25jZQ=',
    'dGhlIHNhbXBsZSBub25jZQ===',
    'dGhlIHNhbXBsZSBub25j',
    'dGhlIHNhbXBsZSBub25jZTE=',
    'dGhlIHNhbXBsZSBub25jZQ==\n',
    'dGhlIHNhbXBsZSBub25j-_==',
    'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=='
  ]) {
    t.throws(() => readRfc6455(request({ 'sec-websocket-key': key }), '13'),
      { code: 'FST_WIRE_KEY', statusCode: 400 }, JSON.stringify(key))
  }
})

t.test('a key whose last character has spare bits set is accepted', async t => {
  t.doesNotThrow(() => readRfc6455(request({ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZR==' }), '13'))
})

t.test('subprotocols are read in order', async t => {
  t.strictSame(readProtocols({}), [], 'are none without the header')
  t.strictSame(readProtocols({ 'sec-websocket-protocol': 'b,a ,\tc' }), ['b', 'a', 'c'], 'keep their order')
  t.strictSame(readProtocols({
    'sec-websocket-protocol': ', a,, b,'
  }), ['a', 'b'], 'may have empty elements between them')
  t.strictSame(readProtocols({ 'sec-websocket-protocol': 'v1.!#$%&\'*+-^_`|~' }), ['v1.!#$%&\'*+-^_`|~'], 'are tokens')
  t.strictSame(readProtocols({ 'sec-websocket-protocol': 'a, A' }), ['a', 'A'], 'differ by case')
})

t.test('a Sec-WebSocket-Protocol that is not a list of distinct tokens is refused', async t => {
  for (const value of [
    '', ' ', ',', ' , ,', 'a b', 'a, b c', 'a/b', '"a"', 'a;b', 'a, a', 'a,b,a', 'caf\u00e9', '\u00a0a', 'a\u0001'
  ]) {
    t.throws(() => readRfc6455(request({ 'sec-websocket-protocol': value }), '13'), {
      code: 'FST_WIRE_PROTOCOL_HEADER', statusCode: 400, message: /^Sec-WebSocket-Protocol /
    }, JSON.stringify(value))
  }
})

t.test('drafts accept keys of other lengths, which clients of that time send', async t => {
  const key = Buffer.alloc(15, 'a').toString('base64')
  t.throws(() => readRfc6455(request({ 'sec-websocket-key': key }), '13'), { message: /RFC 6455/ })
  for (const version of ['7', '8'] as const) {
    t.doesNotThrow(() => readRfc6455(request({ 'sec-websocket-key': key }), version), version)
  }
})

t.test('a key of a draft that is not base64 is refused, and the error cites the draft', async t => {
  for (const [version, draft] of [['7', '07'], ['8', '10']] as const) {
    t.throws(() => readRfc6455(request({ 'sec-websocket-key': 'not base64' }), version),
      { code: 'FST_WIRE_KEY', message: new RegExp(`thewebsocketprotocol-${draft}`), statusCode: 400 })
  }
})
