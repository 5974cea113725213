import { once } from 'node:events'
import { ServerResponse, type IncomingMessage } from 'node:http'
import {
  createSecureServer, createServer, type Http2Server, type Http2ServerResponse, type ServerHttp2Stream
} from 'node:http2'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { MemorySocket } from '../../lib/inject/pair.js'
import type { Http2Upgrade } from '../../lib/upgrade/http2.js'
import { isHttp2Server, listenForConnects } from '../../lib/upgrade/http2-listener.js'
import { Http2Client } from '../fixtures/http2.js'
import { turn } from '../fixtures/memory.js'

const HTTP_1_1_REQUIRED = 13
const CANCEL = 8
const ANSWER = { reason: 'OK', headers: ['Sec-WebSocket-Protocol', 'a'], body: undefined }

type Routing = (request: IncomingMessage, response: Http2ServerResponse, upgrade: Http2Upgrade) => void

const createTlsServer = (): Http2Server => createSecureServer({
  allowHTTP1: true,
  key: readFileSync(new URL('../fixtures/localhost.key', import.meta.url)),
  cert: readFileSync(new URL('../fixtures/localhost.crt', import.meta.url))
}) as unknown as Http2Server

const setUp = async (t: Test, route: Routing, secure = false) => {
  const server = secure ? createTlsServer() : createServer()
  server.on('request', (_request, response) => { response.end('plain') })
  const failures: unknown[] = []
  const routing = (request: IncomingMessage, upgrade: Http2Upgrade): void => {
    route(
      request, upgrade.response as unknown as Http2ServerResponse, upgrade
    )
  }
  const listener = listenForConnects(
    server, routing, (request) => request.url === '/demo', (error) => { failures.push(error) }
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { port } = server.address() as AddressInfo
  return {
    server,
    listener,
    failures,
    port,
    client: await Http2Client.connect(t, `${secure ? 'https' : 'http'}://127.0.0.1:${port}`)
  }
}

t.test('the first settings announce extended CONNECT to a client', async (t) => {
  const { client } = await setUp(t, () => {})
  t.equal(client.session.remoteSettings.enableConnectProtocol, true)
  t.equal(isHttp2Server(createServer()), true)
  t.equal(isHttp2Server({}), false)
})

t.test('a 200 after accept() hands the stream over', async (t) => {
  const events: string[] = []
  const { client } = await setUp(t, (request, response, upgrade) => {
    t.equal(request.method, 'GET')
    t.equal(request.headers[':method'], 'CONNECT')
    t.equal(upgrade.isConnected, true)
    t.equal(response.writableEnded, false)
    response.on('finish', () => { events.push('finish') })
    response.setHeader('Set-Cookie', ['a=1', 'b=2'])
    response.setHeader('Content-Type', 'text/plain')
    response.setHeader('X-Two', 'raw')
    upgrade.accept({ ...ANSWER, headers: [...ANSWER.headers, 'X-List', '1', 'X-List', '2'] }, (stream, head) => {
      events.push('opened')
      t.equal(head.length, 0)
      stream.on('data', (bytes) => { stream.write(bytes) })
      stream.on('end', () => { stream.end() })
    })
    response.writeHead(200, { 'content-length': '0', 'x-two': 'reply', upgrade: 'websocket', 'x-none': undefined })
    t.equal(upgrade.isAccepted, true)
    response.end()
    // Later writes are dropped.
    response.writeHead(500)
    t.equal(response.write('no frame'), false)
    response.end('no frame')
    t.equal(response.writableEnded, true)
  })
  const peer = await client.open()
  t.match(peer.headers, {
    ':status': 200, 'sec-websocket-protocol': 'a', 'set-cookie': ['a=1', 'b=2'], 'x-two': 'reply', 'x-list': '1, 2'
  })
  t.same(Object.keys(peer.headers).sort(), [
    ':status', 'date', 'sec-websocket-protocol', 'set-cookie', 'x-list', 'x-two'
  ])
  peer.stream.write('bytes')
  t.equal((await peer.read(5)).toString(), 'bytes')
  t.same(events, ['opened', 'finish'])
  peer.stream.end()
  t.equal(await peer.readEnd(), '')
  t.equal(await peer.closed(), 0)
})

t.test('the stream of a socket does not keep its request and response in memory', async (t) => {
  let stream: ServerHttp2Stream | undefined
  let request: unknown
  let response: unknown
  const { client } = await setUp(t, (given, answer, upgrade) => {
    request = given
    response = answer
    stream = answer.stream
    answer.on('close', () => { t.fail('it knows of it no more') })
    upgrade.accept(ANSWER, (opened) => { opened.resume() })
    answer.writeHead(200).end()
  })
  const peer = await client.open()
  const held = Object.getOwnPropertySymbols(stream).map((slot) => (stream as unknown as Record<symbol, unknown>)[slot])
  t.equal(held.includes(request) || held.includes(response), false)
  t.equal(stream!.listenerCount('timeout'), 0)
  const closed = once(stream!, 'close')
  peer.stream.close(CANCEL)
  await closed
})

t.test('any other status is an ordinary answer, without headers that HTTP/2 forbids', async (t) => {
  const { client } = await setUp(t, (request, response, upgrade) => {
    upgrade.accept(ANSWER, () => { t.fail('no socket') })
    if (request.url === '/trailers') response.addTrailers({ 'x-trailer': 'yes' })
    response.setHeader('Keep-Alive', 'timeout=5')
    response.statusCode = 404
    if (request.url === '/bare') response.end('bare')
    else response.writeHead(403, 'Go away', { Connection: 'close', 'x-why': 'because' }).end('{}')
  })
  const peer = await client.open()
  t.match(peer.headers, { ':status': 403, 'x-why': 'because' })
  t.equal(peer.headers['keep-alive'], undefined)
  t.equal(await peer.readEnd(), '{}')
  t.equal(await peer.closed(), 0)
  const bare = await client.open('/bare')
  t.equal(bare.status, 404)
  t.equal(await bare.readEnd(), 'bare')
  const trailing = await client.open('/trailers')
  const [trailers] = await once(trailing.stream, 'trailers') as [Record<string, string>]
  t.match(trailers, { 'x-trailer': 'yes' })
  t.same(await client.get('/'), { status: 200, body: 'plain' })
})

t.test('a body is written as fast as the client reads it', async (t) => {
  const { client } = await setUp(t, (_request, response) => {
    let left = 50
    let drains = 0
    const write = (): void => {
      while (left-- > 0) {
        if (response.write(Buffer.alloc(65_536))) continue
        response.once('drain', () => { drains++; write() })
        return
      }
      t.ok(drains > 0)
      response.end()
    }
    response.writeHead(403)
    write()
  })
  const peer = await client.open()
  t.equal((await peer.readEnd()).length, 50 * 65_536)
})

t.test('writes after the client has its answer and has left are dropped', async (t) => {
  let route = (_response: Http2ServerResponse): void => {}
  const routed = new Promise<Http2ServerResponse>((resolve) => { route = resolve })
  const { client } = await setUp(t, (_request, response) => {
    response.writeHead(403).end()
    route(response)
  })
  const peer = await client.open()
  const response = await routed
  t.equal(await peer.closed(), 0)
  await client.get('/')
  response.writeHead(500, { 'x-late': 'yes' }).end('late')
})

t.test('a 2xx status without accept() opens no socket', async (t) => {
  const { client } = await setUp(t, (_request, response) => { response.writeHead(204).end() })
  t.equal((await client.open()).status, 403)
})

t.test('a handshake whose client has left opens no socket', async (t) => {
  let route = (_upgrade: Http2Upgrade): void => {}
  const { client } = await setUp(t, (_request, _response, upgrade) => { route(upgrade) })
  for (const whole of [false, true]) {
    const routed = new Promise<Http2Upgrade>((resolve) => { route = resolve })
    const stream = client.request('/demo')
    const upgrade = await routed
    const response = upgrade.response as unknown as Http2ServerResponse
    let isOver = false
    upgrade.onceFinished(() => { isOver = true })
    const closed = once(response.stream, 'close')
    if (whole) client.session.destroy()
    else stream.close(CANCEL)
    await closed
    t.equal(isOver, true)
    t.equal(upgrade.isConnected, false)
    upgrade.accept(ANSWER, () => { t.fail('no socket') })
    response.writeHead(200).end()
    t.equal(upgrade.isAccepted, false)
  }
})

t.test('a client that leaves between head and end of the answer gets no socket', async (t) => {
  let route = (_response: Http2ServerResponse): void => {}
  const routed = new Promise<Http2ServerResponse>((resolve) => { route = resolve })
  const { client } = await setUp(t, (_request, response, upgrade) => {
    upgrade.accept(ANSWER, () => { t.fail('no socket') })
    response.writeHead(200)
    route(response)
  })
  const peer = await client.open()
  const response = await routed
  const closed = once(response.stream, 'close')
  peer.stream.close(CANCEL)
  await closed
  response.end()
})

t.test('a handshake without an answer in time gets 503, and later answers are dropped', async (t) => {
  const responses: Http2ServerResponse[] = []
  const upgrades: Http2Upgrade[] = []
  let expired = 0
  const { client } = await setUp(t, (request, response, upgrade) => {
    responses.push(response)
    upgrades.push(upgrade)
    upgrade.limitTime(30, () => { expired++ })
    response.setHeader('x-by-hook', 'one')
    upgrade.accept(ANSWER, () => { t.fail('no socket') })
    if (request.url === '/begun') response.writeHead(403).write('begun')
  })
  const peer = await client.open()
  t.equal(peer.status, 503)
  t.equal(peer.headers['x-by-hook'], undefined)
  responses[0]!.writeHead(200).end()
  t.equal(responses[0]!.write('late'), false)
  t.match(JSON.parse(await peer.readEnd()), { statusCode: 503, code: 'FST_WIRE_HANDSHAKE_UNANSWERED' })
  t.equal(await peer.closed(), 0)
  t.equal(expired, 1)
  const begun = await client.open('/begun')
  t.equal(await begun.closed(), CANCEL)
  t.equal(expired, 1)
  t.equal((await upgrades[0]!.readBody()).length, 0)
})

t.test('a handshake that was answered in time, or whose client left, has no timer', async (t) => {
  const countTimers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = countTimers()
  let route = (): void => {}
  const routed = new Promise<void>((resolve) => { route = resolve })
  const { client } = await setUp(t, (request, response, upgrade) => {
    upgrade.limitTime(600_000, () => {})
    if (request.url === '/gone') route()
    if (request.url === '/demo') {
      upgrade.accept(ANSWER, (stream) => { stream.resume() })
      response.writeHead(200).end()
    } else if (request.url === '/refused') {
      response.writeHead(403).end()
    }
  })
  const peer = await client.open()
  const refused = await client.open('/refused')
  await refused.closed()
  const stream = client.request('/gone')
  const closed = once(stream, 'close')
  await routed
  t.equal(countTimers(), before + 1)
  stream.close(CANCEL)
  await closed
  await client.get('/')
  await turn()
  t.equal(countTimers(), before)
  peer.stream.close(CANCEL)
})

t.test('sessions that had a handshake accept no more streams when the listener closes', async (t) => {
  const { client, listener } = await setUp(t, (_request, response) => { response.writeHead(401).end() })
  await client.open()
  const goaway = once(client.session, 'goaway')
  listener.close()
  t.equal((await goaway)[0], 0)
})

t.test('a plain CONNECT and other protocols are answered as by Node, unless another listener does', async (t) => {
  const { client, server, listener } = await setUp(t, (_request, response) => { response.writeHead(401).end('ours') })
  const ask = async (path: string, headers: Record<string, string | undefined> = {}): Promise<string> => {
    const peer = await client.open(path, headers)
    return `${peer.status} ${await peer.readEnd()}`
  }
  t.equal(await ask('/demo', { ':protocol': 'connect-udp' }), '405 ')
  t.equal(await ask('/demo', {
    ':protocol': undefined, ':path': undefined, ':scheme': undefined, ':authority': 'a:1'
  }), '405 ')
  t.equal(await ask('/other'), '401 ours')
  server.on('connect', (request, response) => {
    if (!response.headersSent && (request.url !== '/demo' || request.headers[':protocol'] !== 'websocket')) {
      response.end('theirs')
    }
  })
  t.equal(await ask('/demo'), '401 ours')
  t.equal(await ask('/demo', { ':protocol': 'connect-udp' }), '200 theirs')
  t.equal(await ask('/other'), '200 theirs')
  listener.stop()
  t.equal(server.listenerCount('connect'), 1)
})

t.test('a stream that an earlier listener has answered is ignored', async (t) => {
  const { client, server } = await setUp(t, () => { t.fail('not routed') })
  server.prependListener('connect', (request, response) => {
    if (request.url === '/demo') response.end('theirs')
    else response.stream.close(CANCEL)
  })
  t.equal(await (await client.open()).readEnd(), 'theirs')
  await t.rejects(client.open('/closed'), /the code 8/)
})

t.test('a client gets HTTP_1_1_REQUIRED if another listener has the path over HTTP/1.1', async (t) => {
  for (const secure of [true, false]) {
    const { client, server } = await setUp(t, (_request, response) => { response.writeHead(401).end('ours') }, secure)
    server.on('upgrade', () => {})
    t.equal((await client.open('/other')).status, 401, 'it is our own listener')
    server.on('upgrade', () => {})
    t.equal((await client.open('/demo')).status, 401)
    if (secure) {
      const stream = client.request('/other')
      await new Promise((resolve) => { stream.once('close', resolve) })
      t.equal(stream.rstCode, HTTP_1_1_REQUIRED)
    } else {
      t.equal((await client.open('/other')).status, 401, 'nothing else is spoken there')
    }
  }
})

t.test('an error before the 200 gets 500, an error after it resets the stream', async (t) => {
  const { client, failures } = await setUp(t, (request, response, upgrade) => {
    if (request.url !== '/demo') throw new Error(request.url)
    upgrade.accept(ANSWER, () => { throw new Error('/demo') })
    response.writeHead(200).end()
  })
  const failed = await client.open('/other')
  t.equal(failed.status, 500)
  t.match(JSON.parse(await failed.readEnd()), { statusCode: 500, code: 'FST_WIRE_UPGRADE' })
  const cut = await client.open()
  t.equal(cut.status, 200)
  t.equal(await cut.closed(), CANCEL)
  t.match(failures, [{ message: '/other' }, { message: '/demo' }])
})

t.test('a response with the prototype of HTTP/1.1 is answered over HTTP/2', async (t) => {
  const { client } = await setUp(t, (request, response, upgrade) => {
    Object.setPrototypeOf(response, Object.create(ServerResponse.prototype) as object)
    upgrade.accept(ANSWER, (stream) => { stream.end('opened') })
    if (request.url === '/demo') response.writeHead(200).end()
    else response.writeHead(403, { 'x-why': 'because' }).end('refused')
  })
  const refused = await client.open('/refused')
  t.match(refused.headers, { ':status': 403, 'x-why': 'because' })
  t.equal(await refused.readEnd(), 'refused')
  const peer = await client.open()
  t.equal(peer.status, 200)
  t.equal(await peer.readEnd(), 'opened')
})

t.test('a request has the connection and its addresses, even if the connection is not a net.Socket', async (t) => {
  const seen: unknown[] = []
  const { server } = await setUp(t, (request, response) => {
    seen.push(request.socket.remoteAddress)
    response.writeHead(401).end()
  })
  const ends = {
    localAddress: '127.0.0.1', localPort: 80, remotePort: 1, encrypted: false, transform: (bytes: Buffer) => bytes
  }
  const near = new MemorySocket({ ...ends, remoteAddress: '192.0.2.7' })
  const far = new MemorySocket({ ...ends, remoteAddress: '127.0.0.1' })
  near.connect(far)
  far.connect(near)
  server.emit('connection', near)
  const client = await Http2Client.connect(t, 'http://127.0.0.1', { createConnection: () => far })
  t.equal((await client.open()).status, 401)
  t.same(seen, ['192.0.2.7'])
})

t.test('a CONNECT over HTTP/1.1 is closed, unless another listener handles it', async (t) => {
  const server = createTlsServer()
  const listener = listenForConnects(server, () => { t.fail('not routed') }, () => true, (error) => { t.error(error) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const ask = async (): Promise<string> => {
    const client = connectTls({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1']
    })
    client.on('error', () => {})
    client.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n')
    let all = ''
    client.on('data', (bytes) => { all += String(bytes) })
    await new Promise((resolve) => { client.once('close', resolve) })
    return all
  }
  t.equal(await ask(), '')
  server.on('connect', (_request, socket) => { socket.end('theirs') })
  t.equal(await ask(), 'theirs')
  listener.stop()
  t.equal(server.listenerCount('secureConnection'), 1)
})
