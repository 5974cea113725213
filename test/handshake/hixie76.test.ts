import t from 'tap'
import type { HandshakeRequest } from '../../lib/handshake/answer.js'
import { readHixie76 } from '../../lib/handshake/hixie76.js'

const KEY1 = '4 @1  46546xW%0l 1 5'
const KEY2 = '12998 5 Y3 1  .P00'
const KEY3 = Buffer.from('^n:ds[4U', 'latin1')

function request (headers: Record<string, string | undefined> = {}): HandshakeRequest {
  return {
    method: 'GET',
    httpVersion: '1.1',
    url: '/demo',
    headers: {
      host: 'example.com',
      upgrade: 'WebSocket',
      connection: 'Upgrade',
      origin: 'http://example.com',
      'sec-websocket-key1': KEY1,
      'sec-websocket-key2': KEY2,
      ...headers
    },
    secure: false,
    host: 'example.com'
  }
}

function digest (key1: string, key2: string, key3: Buffer): string | undefined {
  const handshake = readHixie76(request({ 'sec-websocket-key1': key1, 'sec-websocket-key2': key2 }), 'example.com')
  return handshake.answer(undefined, key3).body?.toString('latin1')
}

t.test('the examples of the draft get their digests', async t => {
  t.equal(digest(KEY1, KEY2, KEY3), '8jKS\'y:G*Co,Wxa-', 'section 1.2')
  t.equal(digest(
    '18x 6]8vM;54 *(5:  {   U1]8  z [  8', '1_ tx7X d  <  nw  334J702) 7]o}` 0', Buffer.from('Tm[K T2u', 'latin1')
  ),
  'fQJ,fN/4F4!~K~MH', 'section 1.3')
  // The draft gives these as numbers only: one space leaves each as it is.
  t.equal(digest('7 77007543', '1 14997259', Buffer.from('G0"-Z?GX', 'latin1')), '0st3Rl&q-2ZU^weu', 'section 5.1')
})

t.test('a handshake is read', async t => {
  t.match(readHixie76(request(), 'example.com'), {
    version: 'hixie-76', offered: [], origin: 'http://example.com', bodyLength: 8
  })
})

t.test('the answer has its headers in the order of the draft', async t => {
  const handshake = readHixie76({
    ...request({
      'sec-websocket-protocol': 'sample'
    }),
    secure: true,
    url: '/demo?a=1'
  }, 'example.com:443')
  const { reason, headers, body } = handshake.answer('sample', KEY3)
  t.equal(reason, 'WebSocket Protocol Handshake')
  t.strictSame(headers, [
    'Upgrade', 'WebSocket',
    'Connection', 'Upgrade',
    'Sec-WebSocket-Origin', 'http://example.com',
    'Sec-WebSocket-Location', 'wss://example.com/demo?a=1',
    'Sec-WebSocket-Protocol', 'sample'
  ])
  t.equal(body?.length, 16)
})

t.test('the answer names no subprotocol when none was chosen', async t => {
  const { headers } = readHixie76(request({
    'sec-websocket-protocol': 'sample'
  }), 'example.com').answer(undefined, KEY3)
  t.notOk(headers.includes('Sec-WebSocket-Protocol'))
})

t.test('the origin is echoed to the letter', async t => {
  for (const origin of ['null', 'NULL', 'HTTP://Example.com:80', 'file://']) {
    const handshake = readHixie76(request({ origin }), 'example.com')
    t.equal(handshake.origin, origin)
    t.equal(handshake.answer(undefined, KEY3).headers[5], origin)
  }
})

t.test('subprotocols are separated by spaces or commas', async t => {
  const offered = (value: string) => readHixie76(request({ 'sec-websocket-protocol': value }), 'example.com').offered
  t.strictSame(offered('b a'), ['b', 'a'])
  t.strictSame(offered('b, a,c'), ['b', 'a', 'c'])
  t.strictSame(offered('  b  '), ['b'])
  t.strictSame(offered(''), [])
})

t.test('an empty Sec-WebSocket-Extensions is ignored', async t => {
  t.doesNotThrow(() => readHixie76(request({ 'sec-websocket-extensions': '' }), 'example.com'))
})

t.test('a key is accepted', async t => {
  for (const [name, key] of [
    ['with a DEL', '1\u007f2 \u007f'],
    ['with characters of Latin-1', '\u00e91 2\u00ff'],
    ['of zero', '0 0'],
    ['whose quotient is 2^32 - 1', '4294967295 '],
    ['whose quotient is 2^32 - 1 by twelve spaces', '51539607540' + ' '.repeat(12)],
    ['with leading zeros up to 30 digits', '0'.repeat(29) + '1 ']
  ] as const) t.doesNotThrow(() => digest(key, key, KEY3), name)
})

t.test('a bad key is refused with its name and the reason', async t => {
  for (const [key, reason] of [
    ['4@146546xW%0l15', 'it has no space'],
    ['129985Y31.P00', 'it has no space'],
    ['1\t2\u00a03', 'it has no space'],
    ['', 'it has no digit'],
    ['a b c', 'it has no digit'],
    ['\u0661 \u0662', 'it has no digit'],
    ['4 @1   46546xW%0l 1 5', 'its number is not a multiple of its spaces'],
    ['12998 5 Y3 1.P00', 'its number is not a multiple of its spaces'],
    ['9007199254740993  ', 'its number is not a multiple of its spaces'],
    ['9999 99999999 9 9', 'its number divided by its spaces is over 2^32 - 1'],
    ['4294967296 ', 'its number divided by its spaces is over 2^32 - 1'],
    ['9'.repeat(30) + ' ', 'its number divided by its spaces is over 2^32 - 1'],
    ['0'.repeat(30) + '1 ', 'it has more than 30 digits'],
    ['9'.repeat(10_000) + ' ', 'it has more than 30 digits'],
    [undefined, 'the header is missing']
  ] as const) {
    for (const name of ['Sec-WebSocket-Key1', 'Sec-WebSocket-Key2']) {
      t.throws(() => readHixie76(request({ [name.toLowerCase()]: key }), 'example.com'), {
        code: 'FST_WIRE_HIXIE_KEY',
        statusCode: 400,
        message: `${name} is not a valid key: ${reason} (draft-ietf-hybi-thewebsocketprotocol-00 §5.2)`
      }, `${name}: ${JSON.stringify(key)?.slice(0, 40)}`)
    }
  }
})

t.test('a handshake without an origin is refused', async t => {
  const expected = { code: 'FST_WIRE_ORIGIN_MISSING', statusCode: 400 }
  t.throws(() => readHixie76(request({ origin: undefined }), 'example.com'), expected, 'missing')
  t.throws(() => readHixie76(request({ origin: '' }), 'example.com'), expected, 'empty')
})
