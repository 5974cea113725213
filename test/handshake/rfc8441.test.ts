import t from 'tap'
import { readRfc8441 } from '../../lib/handshake/rfc8441.js'
import type { HandshakeRequest } from '../../lib/handshake/handshake.js'

const request = (headers: Record<string, string> = {}): HandshakeRequest => ({
  method: 'GET',
  httpVersion: '2.0',
  url: '/demo',
  headers: { ':method': 'CONNECT', ':protocol': 'websocket', ...headers },
  secure: true,
  host: 'example.com'
})

t.test('an HTTP/2 handshake needs no key, and its answer has no Sec-WebSocket-Accept', async (t) => {
  const handshake = readRfc8441(request({ origin: 'https://example.com', 'sec-websocket-protocol': 'b, a' }))
  t.match(handshake, { version: '13', offered: ['b', 'a'], origin: 'https://example.com', bodyLength: 0 })
  t.same(handshake.answer('a', Buffer.alloc(0)), {
    reason: 'OK', headers: ['sec-websocket-protocol', 'a'], body: undefined
  })
  const bare = readRfc8441(request())
  t.match(bare, { offered: [], origin: undefined })
  t.same(bare.answer(undefined, Buffer.alloc(0)).headers, [])
})

t.test('an HTTP/2 client that sends a key gets Sec-WebSocket-Accept', async (t) => {
  const handshake = readRfc8441(request({ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }))
  t.same(handshake.answer('a', Buffer.alloc(0)).headers, [
    'sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'sec-websocket-protocol', 'a'
  ])
})

t.test('subprotocols over HTTP/2 must be tokens', async (t) => {
  t.throws(() => readRfc8441(request({ 'sec-websocket-protocol': 'a b' })), { code: 'FST_WIRE_PROTOCOL_HEADER' })
})
