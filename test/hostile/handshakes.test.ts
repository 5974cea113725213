// Peers that do harm before they have a socket: handshakes that are not finished, heads that are too large, requests
// that hide in one another, headers that would write others, origins that are not theirs.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { fastifyWire } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient, text, upgradeHead } from '../fixtures/client.js'
import { turn } from '../fixtures/memory.js'
import { heldBytes, heldSince } from './held.js'
import { addHonestRoute, HonestPeer, MOST_TURNS } from './honest.js'

const openConnections = (app: FastifyInstance): Promise<number> => new Promise((resolve, reject) => {
  app.server.getConnections((error, count) => { if (error === null) resolve(count); else reject(error) })
})

/** Waits until the server has no more connections than this. */
const until = async (app: FastifyInstance, most: number): Promise<void> => {
  while (await openConnections(app) > most) await turn()
}

const OLD = {
  Upgrade: 'WebSocket', Origin: 'http://example.com', 'Sec-WebSocket-Key': undefined, 'Sec-WebSocket-Version': undefined
}
const HIXIE76 = upgradeHead('/demo', {
  ...OLD, 'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5', 'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00'
})

t.test('hundreds of unfinished handshakes all time out, and delay no others', async (t) => {
  const app = await createApp(t, { handshakeTimeout: 300 })
  addHonestRoute(app)
  app.ws('/demo', () => { t.fail('no socket') })
  const port = await listen(app)
  // The honest peer has more time, in case the machine is slow.
  app.server.headersTimeout = 60_000
  const honest = await HonestPeer.connect(t, port)
  app.server.headersTimeout = 300
  const before = await heldBytes()
  const unfinished = ['', 'GET /de', upgradeHead().slice(0, -2), HIXIE76, HIXIE76 + '1234567']
  const clients = Array.from({ length: 300 }, (_, i) => {
    const client = new RawClient(t, port)
    client.write(unfinished[i % unfinished.length] as string)
    return client
  })
  const gone = Promise.all(clients.map(({ socket }) => new Promise((resolve) => { socket.once('close', resolve) })))
  for (let i = 0; i < 20; i++) await honest.echo()
  t.ok(honest.most <= MOST_TURNS, `${honest.most} turns`)
  await gone
  await until(app, 1)
  t.equal(app.websocketServer.clients.size, 1)
  t.ok(await heldSince(before, 1_048_576) < 1_048_576)
})

t.test('hundreds of unfinished TLS handshakes all time out, and delay no others', async (t) => {
  const file = (extension: string): Buffer => readFileSync(new URL(
    `../fixtures/localhost.${extension}`, import.meta.url
  ))
  const app = Fastify({
    https: { key: file('key'), cert: file('crt'), handshakeTimeout: 1_000 }
  }) as unknown as FastifyInstance
  t.teardown(() => app.close())
  await app.register(fastifyWire, { closeTimeout: 500, handshakeTimeout: 1_000 })
  app.ws('/demo', (socket) => { socket.on('message', (data) => { socket.send(String(data)) }) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const honest = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => { honest.destroy() })
  honest.write(upgradeHead())
  const [head] = await once(honest, 'data') as [Buffer]
  t.match(String(head), / 101 /)
  // Nothing, the beginning of a ClientHello, and what is no TLS at all.
  const clients = Array.from({ length: 100 }, (_, i) => {
    const client = new RawClient(t, port)
    if (i % 3 > 0) client.write(i % 3 === 1 ? Buffer.from('16030100ff010000fb0303', 'hex') : upgradeHead())
    return client
  })
  // Peers that finish the handshake of TLS, and not that of HTTP.
  const encrypted = Array.from({ length: 20 }, (_, i) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    t.teardown(() => { socket.destroy() })
    socket.on('error', () => {}).resume()
    if (i % 2 === 0) socket.write(upgradeHead().slice(0, -2))
    return { socket }
  })
  const gone = Promise.all([...clients, ...encrypted].map(({ socket }) => {
    return new Promise((resolve) => { socket.once('close', resolve) })
  }))
  for (let i = 0; i < 2; i++) {
    honest.write(text('still here'))
    t.match(String((await once(honest, 'data'))[0]), 'still here')
    await gone
  }
  await until(app, 1)
})

// `HOSTILE_CONNECTS=20000` for more.
const CONNECTS = Number(process.env['HOSTILE_CONNECTS'] ?? 1_000)
const AT_ONCE = 200

t.test(`${CONNECTS} peers that connect and leave in different ways leave nothing behind`, async (t) => {
  const app = await createApp(t, { maxConnections: AT_ONCE + 1 })
  addHonestRoute(app)
  const counts = { opened: 0, closed: 0 }
  app.ws('/demo', { perMessageDeflate: true }, (socket) => {
    counts.opened++
    socket.on('close', () => { counts.closed++ })
  })
  const port = await listen(app)
  const honest = await HonestPeer.connect(t, port)
  const leave: ReadonlyArray<(client: RawClient) => void> = [
    ({ socket }) => { socket.destroy() },
    ({ socket }) => { socket.resetAndDestroy() },
    ({ socket }) => { socket.end() },
    (client) => { client.socket.end(text('bye')) }
  ]
  let before = 0
  for (let wave = 0; wave * AT_ONCE < CONNECTS; wave++) {
    const clients = Array.from({ length: AT_ONCE }, () => new RawClient(t, port))
    const heads = await Promise.all(clients.map((client) => client.upgrade('/demo')))
    t.ok(heads.every((head) => head.startsWith('HTTP/1.1 101 ')), `every place is free in wave ${wave}`)
    for (const [i, client] of clients.entries()) (leave[i % leave.length] as (client: RawClient) => void)(client)
    while (counts.closed < counts.opened || app.websocketServer.metrics().total.open > 1) await turn()
    await honest.echo()
    // The first waves fill the pools.
    if (wave === 2) before = await heldBytes()
  }
  t.equal(counts.opened, Math.ceil(CONNECTS / AT_ONCE) * AT_ONCE)
  t.equal(counts.closed, counts.opened)
  await until(app, 1)
  t.ok(await heldSince(before, 2_097_152) < 2_097_152)
  t.ok(honest.most <= MOST_TURNS, `${honest.most} turns`)
})

t.test('a reset at each stage of a connection closes everything that was opened, once', async (t) => {
  const app = await createApp(t)
  const opened: string[] = []
  const closed: string[] = []
  let arrived = (): void => {}
  app.ws('/:stage', {
    perMessageDeflate: true,
    preHandler: async (request) => {
      if (request.url === '/hooks') await new Promise<void>((resolve) => { setImmediate(resolve) })
    }
  }, (socket, request) => {
    const { stage } = request.params as { stage: string }
    opened.push(stage)
    socket.on('close', () => { closed.push(stage) })
    if (stage === 'sending') socket.send(Buffer.alloc(4_194_304))
    if (stage === 'closing') socket.close(1000)
    arrived()
  })
  const port = await listen(app)
  const head = (stage: string): string => upgradeHead(`/${stage}`, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
  const stages: ReadonlyArray<readonly [name: string, bytes: Buffer | string, opens: boolean]> = [
    ['connected', '', false],
    ['half', head('half').slice(0, 40), false],
    ['key3', HIXIE76, false],
    ['hooks', head('hooks'), false],
    ['opened', head('opened'), true],
    ['frame', Buffer.concat([Buffer.from(head('frame')), Buffer.of(0x82, 0xfe, 0x10)]), true],
    ['message', Buffer.concat([Buffer.from(head('message')), Buffer.of(0x02, 0x80, 0, 0, 0, 0)]), true],
    ['compressed', Buffer.concat([
      Buffer.from(head('compressed')), Buffer.of(0xc2, 0xff, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0, 0),
      Buffer.alloc(70_000)
    ]), true],
    ['sending', head('sending'), true],
    ['closing', head('closing'), true],
    ['closed', Buffer.concat([Buffer.from(head('closed')), Buffer.of(0x88, 0x80, 0, 0, 0, 0)]), true]
  ]
  for (const [, bytes, opens] of stages) {
    const client = new RawClient(t, port)
    await once(client.socket, 'connect')
    client.socket.removeAllListeners('data').pause()
    const there = opens
      ? new Promise<void>((resolve) => { arrived = resolve })
      : new Promise<void>((resolve) => { setImmediate(resolve) })
    client.socket.write(bytes)
    await there
    client.socket.resetAndDestroy()
    await until(app, 0)
    await turn()
  }
  t.same(opened.filter((stage) => stage !== 'hooks'), stages.flatMap(([stage, , opens]) => opens ? [stage] : []))
  t.same(closed, opened)
  t.equal(app.websocketServer.clients.size, 0)
  t.equal(app.websocketServer.metrics().total.open, 0)
})

t.test('heads that are too large, or have too many headers, open no socket', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', { perMessageDeflate: true }, () => { t.fail('no socket') })
  const port = await listen(app)
  const lines = (count: number): Record<string, string> => Object.fromEntries(Array.from(
    { length: count }, (_, i) => [`X-${i}`, 'a'.repeat(10)]
  ))
  for (const [name, headers, status] of [
    ['one long line', { 'X-Long': 'a'.repeat(20_000) }, 431],
    ['a long URL', {}, 431],
    ['many lines', lines(1_900), 431],
    ['many extensions', { 'Sec-WebSocket-Extensions': Array<string>(1_000).fill('x').join(', ') }, 400],
    ['many parameters', { 'Sec-WebSocket-Extensions': `x${'; a=1'.repeat(1_000)}` }, 400],
    ['an open quote', { 'Sec-WebSocket-Extensions': `permessage-deflate; a="${'\\a'.repeat(4_000)}` }, 400],
    ['a subprotocol many times', { 'Sec-WebSocket-Protocol': Array<string>(2_000).fill('a').join(',') }, 400],
    ['a long key', { 'Sec-WebSocket-Key': 'A'.repeat(10_000) }, 400],
    [
      'a hixie key of many digits',
      { ...OLD, 'Sec-WebSocket-Key1': `${'9'.repeat(8_000)} `, 'Sec-WebSocket-Key2': '1 1' }, 400
    ]
  ] as ReadonlyArray<readonly [string, Record<string, string | undefined>, number]>) {
    const client = new RawClient(t, port)
    client.write(upgradeHead(name === 'a long URL' ? `/${'a'.repeat(20_000)}` : '/demo', headers))
    await client.readEnd()
    t.match(client.received.toString('latin1'), new RegExp(`^HTTP/1\\.1 ${status} `), name)
  }
})

t.test('a request hidden in a body, or after a handshake, is not answered', async (t) => {
  const app = await createApp(t)
  let hidden = 0
  app.get('/hidden', async () => { hidden++; return 'found' })
  app.post('/hidden', async () => { hidden++; return 'found' })
  app.ws('/demo', () => {})
  const port = await listen(app)
  const inner = 'GET /hidden HTTP/1.1\r\nHost: example.com\r\n\r\n'
  const chunked = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`
  const forms: ReadonlyArray<readonly [name: string, headers: Record<string, string>, body: string, first?: string]> = [
    ['a length', { 'Content-Length': String(inner.length) }, inner],
    ['a length that is too short', { 'Content-Length': '1' }, inner],
    ['a length that is too long', { 'Content-Length': String(inner.length + 1) }, inner],
    ['chunks', { 'Transfer-Encoding': 'chunked' }, chunked],
    ['chunks and a length', { 'Transfer-Encoding': 'chunked', 'Content-Length': '3' }, chunked],
    ['another coding', { 'Transfer-Encoding': 'x, chunked' }, chunked],
    ['two lengths', { 'Content-Length': '0', 'content-length': String(inner.length) }, inner],
    ['no body', {}, inner],
    ['a bad version', { 'Sec-WebSocket-Version': '99' }, inner],
    ['a bad key', { 'Sec-WebSocket-Key': 'x' }, inner],
    ['a foreign origin', { Origin: 'http://evil.example' }, inner],
    ['no such path', {}, inner, 'GET /none HTTP/1.1'],
    ['a post', { 'Content-Length': '0' }, inner, 'POST /demo HTTP/1.1']
  ]
  for (const [name, headers, body, first] of forms) {
    const client = new RawClient(t, port)
    client.socket.end(upgradeHead('/demo', headers, first) + body)
    await client.readEnd()
    const statuses = client.received.toString('latin1').match(/HTTP\/1\.1 \d+/g) ?? []
    t.ok(statuses.length <= 1, `${name}: ${statuses.join(', ')}`)
  }
  t.equal(hidden, 0)
})

t.test('no request header can inject a header into the answer', async (t) => {
  const app = await createApp(t, { origin: true }, { trustProxy: true })
  app.ws('/*', { perMessageDeflate: true }, () => {})
  const port = await listen(app)
  const bad = 'x%0d%0aSet-Cookie:%20a=b'
  const forms: ReadonlyArray<readonly [name: string, head: string]> = [
    ['a path', upgradeHead(`/${bad}`, { ...OLD })],
    ['an origin of Latin-1', upgradeHead('/demo', { ...OLD, Origin: 'http://x\u0085Set-Cookie: a=b' })],
    ['a host', upgradeHead('/demo', { ...OLD, Host: bad })],
    ['a forwarded host', upgradeHead('/demo', { ...OLD, 'X-Forwarded-Host': bad })],
    ['a forwarded host with a tab', upgradeHead('/demo', { ...OLD, 'X-Forwarded-Host': 'a\tSet-Cookie: a=b' })],
    ['a forwarded scheme', upgradeHead('/demo', { ...OLD, 'X-Forwarded-Proto': 'https://x/Set-Cookie: a=b' })],
    ['a subprotocol of hixie', upgradeHead('/demo', { ...OLD, 'WebSocket-Protocol': 'a\u0085Set-Cookie: a=b' })],
    ['a subprotocol', upgradeHead('/demo', { 'Sec-WebSocket-Protocol': 'a\tSet-Cookie: a=b' })],
    ['a folded header', upgradeHead('/demo', { 'Sec-WebSocket-Protocol': 'a\r\n Set-Cookie: a=b' })],
    ['a carriage return', upgradeHead('/demo', { Origin: 'http://x\rSet-Cookie: a=b' })],
    ['a NUL', upgradeHead('/demo', { Origin: 'http://x\0Set-Cookie: a=b' })],
    ['an extension', upgradeHead('/demo', {
      'Sec-WebSocket-Extensions': 'permessage-deflate; x="\\\r\\\nSet-Cookie: a=b"'
    })]
  ]
  for (const [name, head] of forms) {
    const client = new RawClient(t, port)
    client.socket.end(head, 'latin1')
    await client.readEnd()
    const answer = client.received.toString('latin1')
    t.notMatch(answer.split('\r\n\r\n')[0], /[\r\n]Set-Cookie|[\r\n](?!\n)\s*set-cookie/i, name)
    t.equal(answer.split('\r\n\r\n')[0]!.replaceAll('\r\n', '').match(/[\r\n]/), null, name)
  }
})

// Origins

/** What is not http://example.com, the origin of the server. */
const FOREIGN = [
  'http://evil.example', 'http://example.com.evil.example', 'http://evil.example.com',
  'http://evilexample.com', 'http://example.com:81', 'http://example.com.',
  'https://example.com', 'ftp://example.com', 'ws://example.com', 'http://example.com@evil.example',
  'http://evil.example#example.com', 'http://evil.example?example.com',
  'http://evil.example/example.com', 'http://example.com/', 'http://example.com/x',
  'http://user@example.com', 'http:example.com', '//example.com', 'example.com',
  'null', 'NULL', 'http://', 'http://example.com http://evil.example',
  'http://evil.example http://example.com', 'http://example.com, http://evil.example',
  'http://evil.example, http://example.com', 'http://example.com\u00a0', 'http://[::1]', 'http://0',
  'http://example%2ecom', 'http://example.com:80:80', 'http://example.com:080'
]

type VersionCase = readonly [version: string, field: string, headers: Record<string, string | undefined>]

const VERSIONS: readonly VersionCase[] = [
  ['13', 'Origin', {}],
  ['8', 'Sec-WebSocket-Origin', { 'Sec-WebSocket-Version': '8' }],
  ['8', 'Origin', { 'Sec-WebSocket-Version': '8' }],
  ['hixie-75', 'Origin', OLD]
]

const statusOf = async (t: Test, port: number, headers: Record<string, string | undefined>): Promise<number> => {
  const client = new RawClient(t, port)
  client.write(Buffer.from(upgradeHead('/demo', headers), 'latin1'))
  const status = Number((await client.readHead()).split(' ')[1])
  client.socket.destroy()
  return status
}

t.test('a foreign origin is refused in every version, however it is written', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  const port = await listen(app)
  for (const [version, field, headers] of VERSIONS) {
    t.equal(await statusOf(t, port, { ...headers, [field]: 'http://example.com' }), 101, `${version}: the own origin`)
    for (const origin of FOREIGN) {
      t.equal(await statusOf(t, port, { ...headers, [field]: origin }), 403, `${version}: ${field}: ${origin}`)
    }
  }
})

t.test('headers of a proxy count with trustProxy only', async (t) => {
  type Case = readonly [origin: string, forwarded: Record<string, string>, untrusted: number, trusted: number]
  const table: readonly Case[] = [
    ['http://example.com', {}, 101, 101],
    ['https://public.example', { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'public.example' }, 403, 101],
    ['http://public.example', { 'X-Forwarded-Host': 'public.example' }, 403, 101],
    ['https://example.com', { 'X-Forwarded-Proto': 'https' }, 403, 101],
    ['http://example.com', { 'X-Forwarded-Proto': 'https' }, 101, 403],
    ['http://example.com', { 'X-Forwarded-Host': 'public.example' }, 101, 403],
    ['http://evil.example', { 'X-Forwarded-For': 'evil.example', Forwarded: 'host=evil.example' }, 403, 403],
    ['http://evil.example', { 'X-Original-Host': 'evil.example', 'X-Host': 'evil.example' }, 403, 403]
  ]
  for (const trustProxy of [false, true]) {
    const app = await createApp(t, {}, { trustProxy })
    app.ws('/demo', () => {})
    const port = await listen(app)
    for (const [origin, forwarded, untrusted, trusted] of table) {
      t.equal(await statusOf(t, port, {
        Origin: origin, ...forwarded
      }), trustProxy ? trusted : untrusted, `${origin}, ${JSON.stringify(forwarded)}, trustProxy ${String(trustProxy)}`)
    }
  }
})
