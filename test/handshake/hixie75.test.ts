import t from 'tap'
import type { HandshakeRequest } from '../../lib/handshake/answer.js'
import { readHixie75 } from '../../lib/handshake/hixie75.js'

const NO_BODY = Buffer.alloc(0)

function request (headers: Record<string, string | undefined> = {}): HandshakeRequest {
  return {
    method: 'GET',
    httpVersion: '1.1',
    url: '/demo',
    headers: {
      host: 'example.com', upgrade: 'WebSocket', connection: 'Upgrade', origin: 'http://example.com', ...headers
    },
    secure: false,
    host: 'example.com'
  }
}

t.test('a handshake is parsed', async t => {
  t.match(readHixie75(request(), 'example.com'), {
    version: 'hixie-75', offered: [], origin: 'http://example.com', bodyLength: 0
  })
})

t.test('the answer is that of the draft', async t => {
  t.strictSame(readHixie75(request(), 'example.com:80').answer(undefined, NO_BODY), {
    reason: 'Web Socket Protocol Handshake',
    headers: [
      'Upgrade', 'WebSocket',
      'Connection', 'Upgrade',
      'WebSocket-Origin', 'http://example.com',
      'WebSocket-Location', 'ws://example.com/demo'
    ],
    body: undefined
  })
})

t.test('the location has the scheme, port and query of the request', async t => {
  const handshake = readHixie75({ ...request(), secure: true, url: '/demo?a=1' }, 'example.com:8443')
  t.equal(handshake.answer(undefined, NO_BODY).headers[7], 'wss://example.com:8443/demo?a=1')
})

t.test('WebSocket-Protocol is one subprotocol, whatever it contains', async t => {
  const handshake = readHixie75(request({ 'websocket-protocol': 'my sample, protocol' }), 'example.com')
  t.strictSame(handshake.offered, ['my sample, protocol'])
  t.strictSame(handshake.answer('my sample, protocol', NO_BODY).headers.slice(8), [
    'WebSocket-Protocol', 'my sample, protocol'
  ])
  t.strictSame(
    readHixie75(request({ 'websocket-protocol': '' }), 'example.com').offered, [], 'and none when it is empty'
  )
})

t.test('the origin is echoed unchanged', async t => {
  for (const origin of ['null', 'Null', 'HTTP://Example.com:80']) {
    t.equal(readHixie75(request({ origin }), 'example.com').answer(undefined, NO_BODY).headers[5], origin)
  }
})

t.test('a handshake without an origin is refused', async t => {
  const expected = { code: 'FST_WIRE_ORIGIN_MISSING', statusCode: 400 }
  t.throws(() => readHixie75(request({ origin: undefined }), 'example.com'), expected, 'missing')
  t.throws(() => readHixie75(request({ origin: '' }), 'example.com'), expected, 'empty')
})
