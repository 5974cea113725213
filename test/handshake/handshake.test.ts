import t from 'tap'
import {
  chooseProtocol, isExtendedConnect, isWebSocketUpgrade, readHandshake, type HandshakeRequest
} from '../../lib/handshake/handshake.js'
import { VERSIONS, type Version } from '../../lib/versions.js'

type Headers = Record<string, string | undefined>

function request (headers: Headers, facts: Partial<HandshakeRequest> = {}): HandshakeRequest {
  return {
    method: 'GET',
    httpVersion: '1.1',
    url: '/demo',
    headers: { host: 'example.com', connection: 'Upgrade', upgrade: 'websocket', ...headers },
    secure: false,
    host: 'example.com',
    ...facts
  }
}

const MODERN = { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
const HIXIE_75 = { upgrade: 'WebSocket', origin: 'http://example.com' }
const HIXIE_76 = {
  ...HIXIE_75, 'sec-websocket-key1': '4 @1  46546xW%0l 1 5', 'sec-websocket-key2': '12998 5 Y3 1  .P00'
}

/** The refusal of a handshake: its code, status and headers. */
function refusal (read: HandshakeRequest, versions: readonly Version[] = VERSIONS) {
  try {
    readHandshake(read, versions)
  } catch (error) {
    const { code, statusCode, headers } =
      error as { code: string, statusCode: number, headers?: Record<string, string> }
    return { code, statusCode, headers }
  }
  return undefined
}

t.test('VERSIONS contains every version, the preferred one first', async t => {
  t.strictSame(VERSIONS, ['13', '8', '7', 'hixie-76', 'hixie-75'])
})

t.test('isWebSocketUpgrade() accepts upgrades to WebSocket only', async t => {
  for (const upgrade of ['websocket', 'WebSocket', 'WEBSOCKET', 'h2c, websocket', 'websocket,h2c']) {
    t.ok(isWebSocketUpgrade({ upgrade }), upgrade)
  }
  for (const upgrade of ['', 'h2c', 'websockets', 'web socket', 'websocket/13']) {
    t.notOk(isWebSocketUpgrade({ upgrade }), `not ${upgrade}`)
  }
  t.notOk(isWebSocketUpgrade({}), 'not without the header')
})

t.test('each version is detected', async t => {
  const version = (headers: Headers, versions = VERSIONS) => readHandshake(request(headers), versions).version
  t.equal(version(MODERN), '13')
  t.equal(version({ ...MODERN, 'sec-websocket-version': ' 13 ' }), '13')
  t.equal(version({ ...MODERN, 'sec-websocket-version': '8' }), '8')
  t.equal(version({ ...MODERN, 'sec-websocket-version': '7' }), '7')
  t.equal(version(HIXIE_76), 'hixie-76')
  t.equal(version({ ...HIXIE_76, upgrade: 'websocket' }), 'hixie-76')
  t.equal(version(HIXIE_75), 'hixie-75')
  t.equal(version(HIXIE_75, ['hixie-75']), 'hixie-75', 'alone')
  t.equal(version(MODERN, ['13']), '13', 'alone')
  t.equal(version({ ...HIXIE_76, ...MODERN }), '13', 'and the version header comes before the keys of hixie-76')
})

t.test('the handshake of RFC 6455 §1.2 gets its answer', async t => {
  const handshake = readHandshake(request({
    ...MODERN,
    connection: 'keep-alive, Upgrade',
    origin: 'http://example.com',
    'sec-websocket-protocol': 'chat, superchat'
  }, { host: 'server.example.com' }), VERSIONS)
  const protocol = chooseProtocol(handshake.offered, ['superchat', 'chat'])
  t.strictSame(handshake.answer(protocol, Buffer.alloc(0)).headers, [
    'Upgrade', 'websocket',
    'Connection', 'Upgrade',
    'Sec-WebSocket-Accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    'Sec-WebSocket-Protocol', 'chat'
  ])
})

t.test('a method other than GET is refused', async t => {
  for (const method of ['POST', 'HEAD', 'get', 'CONNECT']) {
    t.strictSame(refusal(request(MODERN, { method })),
      { code: 'FST_WIRE_METHOD', statusCode: 405, headers: { allow: 'GET' } }, method)
  }
})

t.test('an HTTP version under 1.1 is refused, a later one is not', async t => {
  for (const httpVersion of ['1.0', '0.9', '', 'x']) {
    t.match(
      refusal(request(MODERN, { httpVersion })), { code: 'FST_WIRE_HTTP_VERSION', statusCode: 400 }, `"${httpVersion}"`
    )
  }
  t.equal(refusal(request(MODERN, { httpVersion: '2.0' })), undefined)
})

t.test('an Upgrade header without the token is refused', async t => {
  for (const upgrade of [undefined, '', 'h2c', 'websockets']) {
    t.match(refusal(request({ ...MODERN, upgrade })), {
      code: 'FST_WIRE_UPGRADE_HEADER', statusCode: 400
    }, `"${upgrade}"`)
  }
})

t.test('a Connection header without the token is refused', async t => {
  for (const connection of [undefined, '', 'keep-alive', 'upgrades', 'Upgrade; x']) {
    t.match(refusal(request({ ...MODERN, connection })), {
      code: 'FST_WIRE_CONNECTION_HEADER', statusCode: 400
    }, `"${connection}"`)
  }
  t.equal(refusal(request({ ...MODERN, connection: 'keep-alive,UPGRADE' })), undefined)
})

t.test('a missing or malformed host is refused in every version', async t => {
  for (const headers of [MODERN, HIXIE_76, HIXIE_75]) {
    for (const host of [undefined, '', 'a b', 'a/b', 'user@a', 'a\u0000']) {
      t.match(refusal(request(headers, { host })), { code: 'FST_WIRE_HOST', statusCode: 400 }, JSON.stringify(host))
    }
  }
})

t.test('the checks come in the order method, HTTP version, Upgrade, Connection, Host, version', async t => {
  const headers: Headers = { upgrade: 'h2c', connection: 'close', 'sec-websocket-version': '99' }
  const facts: Partial<HandshakeRequest> = { method: 'POST', httpVersion: '1.0', host: '' }
  t.equal(refusal(request(headers, facts))?.code, 'FST_WIRE_METHOD')
  facts.method = 'GET'
  t.equal(refusal(request(headers, facts))?.code, 'FST_WIRE_HTTP_VERSION')
  facts.httpVersion = '1.1'
  t.equal(refusal(request(headers, facts))?.code, 'FST_WIRE_UPGRADE_HEADER')
  headers['upgrade'] = 'websocket'
  t.equal(refusal(request(headers, facts))?.code, 'FST_WIRE_CONNECTION_HEADER')
  headers['connection'] = 'Upgrade'
  t.equal(refusal(request(headers, facts))?.code, 'FST_WIRE_HOST')
  facts.host = 'example.com'
  t.equal(refusal(request(headers, facts))?.code, 'FST_WIRE_VERSION')
})

t.test('an unsupported version is refused with the supported ones', async t => {
  for (const version of [
    '', '0', '6', '9', '14', '013', '13.0', '+13', '0xd', '13, 8', '13, 13', 'hixie-76', 'hixie-75', 'x'
  ]) {
    t.strictSame(refusal(request({ ...MODERN, 'sec-websocket-version': version })), {
      code: 'FST_WIRE_VERSION', statusCode: 426, headers: { upgrade: 'websocket', 'sec-websocket-version': '13, 8, 7' }
    }, `"${version}"`)
  }
  t.strictSame(refusal(request({ ...MODERN, 'sec-websocket-version': '8' }), ['13', 'hixie-76']), {
    code: 'FST_WIRE_VERSION', statusCode: 426, headers: { upgrade: 'websocket', 'sec-websocket-version': '13' }
  }, 'a version the route has switched off')
  t.strictSame(refusal(request(MODERN), ['hixie-76']), {
    code: 'FST_WIRE_VERSION', statusCode: 426, headers: { upgrade: 'websocket' }
  }, 'and no number is named where none is spoken')
})

t.test('a refusal names the refused version and the supported ones', async t => {
  t.throws(() => readHandshake(request({ ...MODERN, 'sec-websocket-version': '9' }), ['13', 'hixie-76']), {
    message: 'This URL does not support the WebSocket version "9"; it supports 13, hixie-76'
  })
  t.throws(() => readHandshake(request(HIXIE_75), ['13', '8']), {
    message: 'The handshake has no Sec-WebSocket-Version header; this URL supports 13, 8'
  })
})

t.test('a version without a key is refused', async t => {
  t.match(refusal(request({ 'sec-websocket-version': '13' })), { code: 'FST_WIRE_KEY_MISSING', statusCode: 400 })
})

t.test('a key without a version is refused', async t => {
  const { 'sec-websocket-key': key } = MODERN
  t.strictSame(refusal(request({ 'sec-websocket-key': key })), {
    code: 'FST_WIRE_VERSION_MISSING', statusCode: 400, headers: { 'sec-websocket-version': '13, 8, 7' }
  })
  t.strictSame(refusal(request({ ...HIXIE_75, 'sec-websocket-key': key })), {
    code: 'FST_WIRE_VERSION_MISSING', statusCode: 400, headers: { 'sec-websocket-version': '13, 8, 7' }
  }, 'and does not pass as hixie-75')
  t.strictSame(refusal(request({ 'sec-websocket-key': key }), ['hixie-75']), {
    code: 'FST_WIRE_VERSION_MISSING', statusCode: 400, headers: {}
  }, 'and no number is named where none is spoken')
})

t.test('hixie-76 is refused if it is not enabled', async t => {
  t.strictSame(refusal(request(HIXIE_76), ['13', 'hixie-75']), {
    code: 'FST_WIRE_VERSION', statusCode: 426, headers: { upgrade: 'websocket', 'sec-websocket-version': '13' }
  })
})

t.test('a broken hixie-76 handshake never falls back to hixie-75', async t => {
  for (const [name, headers] of [
    ['no key1', { 'sec-websocket-key1': undefined }],
    ['no key2', { 'sec-websocket-key2': undefined }],
    ['an empty key1', { 'sec-websocket-key1': '' }],
    ['only an empty key2', { 'sec-websocket-key1': undefined, 'sec-websocket-key2': '' }],
    ['a key1 with no space', { 'sec-websocket-key1': '123' }]
  ] as const) {
    t.match(refusal(request({ ...HIXIE_76, ...headers })), { code: 'FST_WIRE_HIXIE_KEY', statusCode: 400 }, name)
  }
  t.match(refusal(request({
    ...HIXIE_76, origin: undefined
  })), { code: 'FST_WIRE_ORIGIN_MISSING', statusCode: 400 }, 'no origin')
})

t.test('hixie-75 is refused if it is not enabled', async t => {
  t.strictSame(refusal(request(HIXIE_75), ['13', '8', 'hixie-76']), {
    code: 'FST_WIRE_VERSION_MISSING', statusCode: 400, headers: { 'sec-websocket-version': '13, 8' }
  })
})

t.test('hixie-75 without an origin is refused', async t => {
  t.match(refusal(request({ ...HIXIE_75, origin: undefined })), { code: 'FST_WIRE_ORIGIN_MISSING', statusCode: 400 })
})

t.test('an upgrade in another spelling, with neither version nor key, is refused for its missing key', async t => {
  for (const upgrade of ['websocket', 'WEBSOCKET', 'WebSocket, h2c']) {
    t.match(refusal(request({ ...HIXIE_75, upgrade })), { code: 'FST_WIRE_KEY_MISSING', statusCode: 400 }, upgrade)
  }
})

t.test('chooseProtocol() returns the first offered subprotocol that is in the list', async t => {
  t.equal(chooseProtocol(['b', 'a'], undefined), 'b', 'is the first offered where there is no list')
  t.equal(chooseProtocol(['c', 'b', 'a'], ['a', 'b']), 'b', 'is the first offered that stands in the list')
  t.equal(chooseProtocol(['c'], ['a', 'b']), undefined, 'is none where the list has none of them')
  t.equal(chooseProtocol(['c'], []), undefined, 'is none where the list is empty')
  t.equal(chooseProtocol([], undefined), undefined, 'is none where none is offered')
  t.equal(chooseProtocol(['A'], ['a']), undefined, 'is compared with its case')
})

t.test('an extended CONNECT of HTTP/2 is a handshake of version 13 only', async t => {
  const connect = (headers: Headers, host: string | undefined = 'example.com'): HandshakeRequest => ({
    method: 'GET',
    httpVersion: '2.0',
    url: '/demo',
    headers: { ':method': 'CONNECT', ':protocol': 'websocket', ...headers },
    secure: false,
    host
  })
  t.equal(isExtendedConnect({ ':protocol': 'websocket' }), true)
  t.equal(isExtendedConnect({ ':protocol': 'connect-udp' }), false)
  t.equal(isExtendedConnect(MODERN), false)
  t.equal(readHandshake(connect({ 'sec-websocket-version': ' 13 ' }), VERSIONS).version, '13')
  t.strictSame(refusal(connect({})), {
    code: 'FST_WIRE_VERSION_MISSING', statusCode: 400, headers: { 'sec-websocket-version': '13' }
  })
  t.strictSame(refusal(connect({ 'sec-websocket-version': '8' })), {
    code: 'FST_WIRE_VERSION', statusCode: 426, headers: { 'sec-websocket-version': '13' }
  })
  t.strictSame(refusal(connect({ 'sec-websocket-version': '13' }), ['hixie-76', '8']), {
    code: 'FST_WIRE_VERSION', statusCode: 426, headers: { 'sec-websocket-version': '8' }
  })
  t.match(refusal(connect({ 'sec-websocket-version': '13' }, 'a b')), { code: 'FST_WIRE_HOST', statusCode: 400 })
})
