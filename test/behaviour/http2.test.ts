import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import type { VerifyClient, WireOptions, WireSocket } from '../../index.js'
import { unsentBytes } from '../../lib/transport/liveness.js'
import { closeOf } from '../fixtures/client.js'
import { FakeClock } from '../fixtures/clock.js'
import { deflateAlone, inflateAlone, json, randomBytes } from '../fixtures/deflate.js'
import { connectFrozen, createHttp2App, Http2Client, listenHttp2 } from '../fixtures/http2.js'
import { turn } from '../fixtures/memory.js'

const CANCEL = 8

const echo = (socket: WireSocket): void => {
  socket.on(
    'message', (data, isBinary) => { socket.send(data, { binary: isBinary }) }
  )
}

interface Line { msg: string, req?: object, res?: object, socket?: object }

const setUp = async (
  t: Test, declare: (app: FastifyInstance) => void, options: WireOptions = {},
  server: Parameters<typeof createHttp2App>[2] = {}
) => {
  const lines: Line[] = []
  const app = await createHttp2App(t, options, {
    logger: { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line) as Line) } } }, ...server
  })
  declare(app)
  const origin = await listenHttp2(app)
  const client = await Http2Client.connect(t, origin)
  return { app, origin, client, lines }
}

/** A socket at /demo with the client's end of it. */
const converse = async (t: Test, options: WireOptions = {}, handler: (socket: WireSocket) => void = () => {}) => {
  let open = (_socket: WireSocket): void => {}
  const opened = new Promise<WireSocket>((resolve) => { open = resolve })
  const parts = await setUp(t, (app) => { app.ws('/demo', (socket) => { open(socket); handler(socket) }) }, options)
  return { ...parts, peer: await parts.client.open(), socket: await opened }
}

t.test('hooks see the request as a GET, and set the headers of the 200', async (t) => {
  const seen: object[] = []
  const { client, lines } = await setUp(t, (app) => {
    app.addHook('onResponse', async (request, reply) => { seen.push({ status: reply.statusCode, url: request.url }) })
    app.ws('/room/:id', {
      protocols: ['b', 'a'],
      onRequest: async (request) => {
        const { method, url, params, hostname, host, ip, protocol, ws, raw, headers } = request
        seen.push({
          method,
          url,
          params,
          hostname,
          host,
          ip,
          protocol,
          ws,
          address: request.socket.remoteAddress,
          raw: [raw.method, raw.url, raw.httpVersion],
          connect: headers[':method']
        })
      },
      preHandler: async (_request, reply) => {
        reply.raw.setHeader('x-raw', 'raw')
        reply.raw.setHeader('content-type', 'text/plain')
        reply.header('set-cookie', 'a=1').header('set-cookie', 'b=2').header('keep-alive', 'timeout=5')
      }
    }, (socket, request) => { seen.push({ protocol: socket.protocol, url: socket.url, ip: request.ip }) })
  })
  const peer = await client.open('/room/7?x=1', { 'sec-websocket-protocol': 'c, a', ':authority': 'example.com:8080' })
  t.match(peer.headers, { ':status': 200, 'set-cookie': ['a=1', 'b=2'], 'x-raw': 'raw', 'sec-websocket-protocol': 'a' })
  t.same(Object.keys(peer.headers).sort(), [':status', 'date', 'sec-websocket-protocol', 'set-cookie', 'x-raw'])
  await turn()
  t.same(seen, [
    {
      method: 'GET',
      url: '/room/7?x=1',
      params: { id: '7' },
      hostname: 'example.com',
      host: 'example.com:8080',
      ip: '127.0.0.1',
      protocol: 'http',
      ws: true,
      address: '127.0.0.1',
      raw: ['GET', '/room/7?x=1', '2.0'],
      connect: 'CONNECT'
    },
    { protocol: 'a', url: '/room/7?x=1', ip: '127.0.0.1' },
    { status: 200, url: '/room/7?x=1' }
  ])
  t.match(lines.find(({ msg }) => msg === 'incoming request'), {
    req: { method: 'GET', url: '/room/7?x=1', host: 'example.com:8080', remoteAddress: '127.0.0.1' }
  })
  t.match(lines.find(({ msg }) => msg === 'request completed'), { res: { statusCode: 200 } })
})

t.test('messages of every kind and size are sent in both directions', async (t) => {
  const { client } = await setUp(t, (app) => { app.ws('/demo', { maxPayload: 4_194_304 }, echo) })
  const peer = await client.open()
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 300_000, 1_048_576, 4_194_304]) {
    const payload = Buffer.alloc(size, randomBytes(997, size + 1))
    peer.send(2, payload)
    const { opcode, payload: received } = await peer.readFrame()
    t.equal(opcode, 2)
    t.ok(payload.equals(received), `${size} bytes`)
  }
  peer.send(1, 'frag', { fin: false })
  peer.send(9, 'between')
  peer.send(0, 'mented')
  t.match(await peer.readFrame(), { opcode: 10, payload: Buffer.from('between') })
  t.equal(await peer.readText(), 'fragmented')
  for (let i = 0; i < 2_000; i++) peer.send(1, `message ${i}`)
  for (let i = 0; i < 2_000; i++) if (await peer.readText() !== `message ${i}`) t.fail(`message ${i}`)
})

t.test('messages are compressed if permessage-deflate was negotiated', async (t) => {
  const { client } = await setUp(t, (app) => {
    app.ws('/demo', { perMessageDeflate: true }, (socket) => {
      t.equal(socket.extensions, 'permessage-deflate')
      echo(socket)
    })
  })
  const peer = await client.open('/demo', { 'sec-websocket-extensions': 'permessage-deflate' })
  t.match(peer.headers['sec-websocket-extensions'], /^permessage-deflate/)
  const payload = json(200_000)
  peer.send(1, deflateAlone(payload), { isCompressed: true })
  const frame = await peer.readFrame()
  t.equal(frame.isCompressed, true)
  t.ok(inflateAlone(frame.payload).equals(payload))
})

t.test('a refusal is an ordinary answer, and the connection stays usable', async (t) => {
  const { app, client } = await setUp(t, (app) => {
    app.get('/plain', async () => 'plain')
    app.ws('/demo', () => {})
    app.ws('/guarded', {
      preValidation: async (_request, reply) => reply.code(401).header(
        'www-authenticate', 'Bearer'
      ).send({ message: 'who are you' })
    }, () => {})
    app.ws('/throws', {
      preHandler: async () => { throw Object.assign(new Error('no'), { statusCode: 418 }) }
    }, () => {})
    app.ws('/one', { maxConnectionsPerAddress: 1 }, () => {})
    app.ws('/none', { maxConnections: 0 }, () => {})
    app.ws('/typed', {
      schema: { querystring: { type: 'object', required: ['x'], properties: { x: { type: 'integer' } } } }
    }, () => {})
    app.ws('/old', { versions: ['8'] }, () => {})
  })
  const refused = async (path: string, headers: Record<string, string | undefined> = {}) => {
    const peer = await client.open(path, headers)
    const body = JSON.parse(await peer.readEnd()) as { code?: string, message: string }
    t.equal(await peer.closed(), 0, path)
    return { status: peer.status, code: body.code, headers: peer.headers, message: body.message }
  }
  t.match(await refused('/guarded'), { status: 401, message: 'who are you', headers: { 'www-authenticate': 'Bearer' } })
  t.match(await refused('/throws'), { status: 418, message: 'no' })
  t.match(await refused('/missing'), { status: 404 })
  t.match(await refused('/plain'), { status: 404, code: 'FST_WIRE_NO_SOCKET' })
  t.match(await refused('/typed'), { status: 400, code: 'FST_ERR_VALIDATION' })
  t.match(await refused('/demo', { origin: 'http://evil.example' }), { status: 403, code: 'FST_WIRE_ORIGIN' })
  t.match(await refused('/demo', { 'sec-websocket-version': '8' }), {
    status: 426, code: 'FST_WIRE_VERSION', headers: { 'sec-websocket-version': '13' }
  })
  t.match(await refused('/demo', { 'sec-websocket-version': undefined }), {
    status: 400, code: 'FST_WIRE_VERSION_MISSING', headers: { 'sec-websocket-version': '13' }
  })
  t.match(await refused('/old'), { status: 426, code: 'FST_WIRE_VERSION' })
  t.match(await refused('/demo', { 'sec-websocket-protocol': 'a b' }), {
    status: 400, code: 'FST_WIRE_PROTOCOL_HEADER'
  })
  t.match(await refused('/none'), { status: 503, code: 'FST_WIRE_CONNECTIONS', headers: { 'retry-after': '10' } })
  const one = await client.open('/one')
  t.equal(one.status, 200)
  t.match(await refused('/one'), { status: 429, code: 'FST_WIRE_CONNECTIONS_ADDRESS' })
  const closed = Promise.all(Array.from(app.websocketServer.clients, closeOf))
  one.stream.close(CANCEL)
  await closed
  t.equal((await client.open('/one')).status, 200, 'the place is free again')
  t.same(await client.get('/plain'), { status: 200, body: 'plain' })
  t.match(await client.get('/demo'), { status: 426, body: /FST_WIRE_UPGRADE_REQUIRED/ })
  t.match(app.websocketServer.metrics(), {
    refusals: {
      401: 1, 404: 1, FST_WIRE_NO_SOCKET: 1, FST_WIRE_ORIGIN: 1, FST_WIRE_VERSION: 2, FST_WIRE_CONNECTIONS_ADDRESS: 1
    },
    total: { open: 1, opened: 2 },
    routes: [{ route: '/one', version: '13' }]
  })
})

t.test('a hook that answers a handshake with a 2xx status gets 403 instead', async (t) => {
  const { client } = await setUp(t, (app) => {
    app.ws('/sent', { onRequest: async (_request, reply) => reply.send('cached') }, () => { t.fail('no socket') })
    app.ws('/created', {
      onRequest: async (_request, reply) => reply.code(201).send('created')
    }, () => { t.fail('no socket') })
    app.ws('/raw', {
      onRequest: async (_request, reply) => {
        reply.hijack()
        reply.raw.end('raw')
      }
    }, () => { t.fail('no socket') })
  })
  for (const path of ['/sent', '/created', '/raw']) {
    const peer = await client.open(path)
    t.equal(peer.status, 403)
    t.equal(await peer.readEnd(), path === '/sent' ? 'cached' : path.slice(1))
  }
})

t.test('pages of the same origin, by :scheme and :authority, may connect', async (t) => {
  const plain = await setUp(t, (app) => { app.ws('/demo', () => {}) })
  const status = async (origin: string, headers: Record<string, string> = {}) => (await plain.client.open('/demo', {
    ':authority': 'example.com', origin, ...headers
  })).status
  t.equal(await status('http://example.com'), 200)
  t.equal(await status('https://example.com'), 403)
  t.equal(await status('https://example.com', { ':scheme': 'https' }), 200, 'a proxy ends TLS')
  t.equal(await status('http://example.com', { ':scheme': 'https' }), 403)
  const secure = await setUp(t, (app) => { app.ws('/demo', () => {}) }, {}, { secure: true })
  t.equal((await secure.client.open('/demo', {
    ':authority': 'example.com', origin: 'https://example.com'
  })).status, 200)
  t.equal((await secure.client.open('/demo', {
    ':authority': 'example.com', origin: 'http://example.com'
  })).status, 403)
})

t.test('sockets and requests share one connection', async (t) => {
  const { client } = await setUp(t, (app) => {
    app.get('/demo', async () => 'plain')
    app.ws('/demo', (socket) => { socket.on('message', (data) => { socket.send(`first ${String(data)}`) }) })
    app.get(
      '/drop-in', { websocket: true },
      (socket) => { socket.on('message', (data) => { socket.send(`second ${String(data)}`) }) }
    )
    app.route({
      method: 'GET', url: '/both', handler: async () => 'resource', wsHandler: (socket) => { socket.send('live') }
    })
  })
  const [first, second, both] = await Promise.all([client.open(), client.open('/drop-in'), client.open('/both')])
  first.send(1, 'a')
  second.send(1, 'b')
  t.equal(await second.readText(), 'second b')
  t.same(await client.get('/demo'), { status: 200, body: 'plain' })
  t.equal(await first.readText(), 'first a')
  t.equal(await both.readText(), 'live')
  t.equal((await client.get('/both')).body, 'resource')
  first.stream.close(CANCEL)
  await first.closed()
  second.send(1, 'c')
  t.equal(await second.readText(), 'second c')
})

t.test('messages are validated by the schema of the route', async (t) => {
  const { client } = await setUp(t, (app) => {
    app.ws('/demo', {
      schema: { message: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } }
    }, (socket) => {
      socket.on('message', (value) => { socket.send(String((value as { n: number }).n + 1)) })
    })
  })
  const peer = await client.open()
  peer.send(1, '{"n":1}')
  t.equal(await peer.readText(), '2')
  peer.send(1, '{}')
  t.equal(await peer.readClose(), 1008)
})

t.test('a close by either side ends the stream without a reset', async (t) => {
  const theirs = await converse(t)
  theirs.peer.sendClose(4001)
  t.equal(await theirs.peer.readClose(), 4001)
  t.equal(await theirs.peer.readEnd(), '')
  theirs.peer.stream.end()
  t.equal(await closeOf(theirs.socket), 4001)
  t.equal(await theirs.peer.closed(), 0)

  const ours = await converse(t)
  const closed = closeOf(ours.socket)
  ours.socket.send('last')
  ours.socket.close(4002)
  t.equal(await ours.peer.readText(), 'last')
  t.equal(await ours.peer.readClose(), 4002)
  ours.peer.sendClose(4002)
  ours.peer.stream.end()
  t.equal(await closed, 4002)
  t.equal(await ours.peer.closed(), 0)
})

t.test('a terminated socket resets its stream with CANCEL', async (t) => {
  const { peer, socket } = await converse(t)
  socket.terminate()
  t.equal(await peer.closed(), CANCEL)

  const silent = await converse(t, { closeTimeout: 50 })
  silent.socket.close()
  t.equal(await closeOf(silent.socket), 1006)
  t.equal(await silent.peer.closed(), CANCEL)
})

t.test('a lost peer closes the socket with 1006', async (t) => {
  for (const [name, leave] of Object.entries({
    'a reset': ({ peer }) => { peer.stream.close(CANCEL) },
    'a reset for an error': ({ peer }) => { peer.stream.close(2) },
    'an end': ({ peer }) => { peer.stream.end() },
    'a session that is destroyed': ({ client }) => { client.session.destroy() },
    'a session that failed': ({ client }) => { client.session.destroy(undefined, 2) },
    'a connection that was reset': ({ client }) => {
      (client.session.socket as unknown as { resetAndDestroy (): void }).resetAndDestroy()
    }
  } satisfies Record<string, (parts: Awaited<ReturnType<typeof converse>>) => void>)) {
    const parts = await converse(t)
    const errors: Error[] = []
    parts.socket.on('error', (error) => { errors.push(error) })
    const closed = closeOf(parts.socket)
    leave(parts)
    t.equal(await closed, 1006, name)
    t.equal(parts.socket.readyState, 3)
    t.equal(parts.app.websocketServer.clients.size, 0)
    parts.socket.send('late')
  }
})

t.test('app.close() closes sockets with 1001, and then their connections', async (t) => {
  const clock = new FakeClock(t)
  const { app, client } = await setUp(t, (app) => { app.ws('/demo', () => {}) }, { closeTimeout: 100 }, {
    forceCloseConnections: false
  })
  const polite = await client.open()
  const silent = await client.open()
  const goaway = once(client.session, 'goaway')
  const gone = once(client.session, 'close')
  const closed = app.close()
  await goaway
  t.equal(await polite.readClose(), 1001)
  polite.sendClose(1001)
  polite.stream.end()
  t.equal(await silent.readClose(), 1001)
  t.equal(await polite.closed(), 0)
  clock.advance(100)
  t.equal(await silent.closed(), CANCEL)
  await Promise.all([closed, gone])
})

t.test('a frozen client does not delay app.close()', async (t) => {
  const app = await createHttp2App(t, { closeTimeout: 50 })
  const opened = new Promise<WireSocket>((resolve) => { app.ws('/demo', resolve) })
  const origin = await listenHttp2(app)
  connectFrozen(t, Number(new URL(origin).port))
  const socket = await opened
  const closed = closeOf(socket)
  await app.close()
  t.equal(await closed, 1006)
})

t.test('a handshake that is pending when the application closes gets 503', async (t) => {
  let proceed = (): void => {}
  let enter = (): void => {}
  const entered = new Promise<void>((resolve) => { enter = resolve })
  const { app, client } = await setUp(t, (app) => {
    app.ws('/demo', {
      preHandler: () => {
        enter()
        return new Promise<void>((resolve) => { proceed = resolve })
      }
    }, () => { t.fail('no socket') })
  })
  const answer = client.open()
  await entered
  const goaway = once(client.session, 'goaway')
  const closed = app.close()
  await goaway
  proceed()
  const peer = await answer
  t.equal(peer.status, 503)
  t.match(await peer.readEnd(), /FST_WIRE_CLOSING/)
  await closed
})

t.test('a session with a socket has no idle timeout until the socket closes', async (t) => {
  const { origin, client } = await setUp(t, (app) => {
    app.get('/plain', async () => 'plain')
    app.ws('/demo', echo)
  }, { heartbeat: false }, { http2SessionTimeout: 500 })
  let isEnded = false
  const goaway = once(client.session, 'goaway').then(() => { isEnded = true })
  const peer = await client.open()
  // One that began later is ended before.
  const idle = await Http2Client.connect(t, origin)
  await once(idle.session, 'goaway')
  t.equal(isEnded, false)
  peer.send(1, 'still here')
  t.equal(await peer.readText(), 'still here')
  t.equal((await client.get('/plain')).body, 'plain')
  peer.stream.close(CANCEL)
  await goaway
})

t.test('a hook that does not answer within handshakeTimeout gets 503', async (t) => {
  const answers: Array<() => void> = []
  const { app, client, lines } = await setUp(t, (app) => {
    app.ws('/demo', {
      handshakeTimeout: 50,
      preHandler: (_request, reply) => new Promise<void>((resolve) => {
        reply.header('x-by-hook', 'one')
        answers.push(resolve)
      })
    }, () => { t.fail('no socket') })
    app.ws('/streams', {
      handshakeTimeout: 50,
      preHandler: (
        _request, reply
      ) => new Promise<void>((resolve) => {
        answers.push(() => {
          reply.raw.write('late')
          reply.raw.end('later')
          resolve()
        })
      })
    }, () => { t.fail('no socket') })
    app.ws('/begins', {
      handshakeTimeout: 50,
      preHandler: async (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(403)
        reply.raw.write('begun')
      }
    }, () => { t.fail('no socket') })
  })
  for (const path of ['/demo', '/streams']) {
    const peer = await client.open(path)
    answers.pop()?.()
    t.equal(peer.status, 503)
    t.equal(peer.headers['x-by-hook'], undefined)
    t.match(JSON.parse(await peer.readEnd()), { statusCode: 503, code: 'FST_WIRE_HANDSHAKE_UNANSWERED' })
    t.equal(await peer.closed(), 0)
  }
  const begun = await client.open('/begins')
  t.equal(begun.status, 403)
  t.equal(await begun.closed(), CANCEL)
  t.ok(lines.some(({ msg }) => msg.includes('handshakeTimeout')))
  t.match(app.websocketServer.metrics().refusals, { FST_WIRE_HANDSHAKE_UNANSWERED: 2 })
})

t.test('a peer that leaves while hooks run leaves nothing behind', async (t) => {
  let enter = (): void => {}
  let proceed = (): void => {}
  const wait = () => { enter(); return new Promise<void>((resolve) => { proceed = resolve }) }
  const leaving = async (path: string, leave: (client: Http2Client) => void, options: WireOptions = {}) => {
    const entered = new Promise<void>((resolve) => { enter = resolve })
    const { app, client, origin } = await setUp(t, (app) => {
      app.ws('/hook', { preHandler: wait, maxConnections: 1 }, () => { t.fail('no socket') })
      app.ws('/origin', {
        origin: async () => {
          await wait()
          return false
        },
        maxConnections: 1
      }, () => { t.fail('no socket') })
      app.get('/verified', { websocket: true }, () => { t.fail('no socket') })
      app.get('/plain', async () => 'plain')
    }, options)
    const stream = client.request(path, { origin: 'http://evil.example' }).on('close', () => {})
    if (path !== '/origin') stream.on('error', () => {})
    await entered
    leave(client)
    const other = await Http2Client.connect(t, origin)
    await other.get('/plain')
    proceed()
    await turn()
    t.equal((await other.get('/plain')).status, 200)
    t.same(app.websocketServer.metrics().refusals, {})
    return other
  }
  const reset = (client: Http2Client): void => { client.session.destroy(undefined, CANCEL) }
  await leaving('/hook', reset, { origin: true })
  await leaving('/origin', reset)
  const verifyClient: VerifyClient = (_info, settle) => { wait().then(() => { settle(false) }, () => {}) }
  await leaving('/verified', reset, { options: { verifyClient } })
})

t.test('an HTTP/2 server with allowHTTP1 also accepts sockets over HTTP/1.1', async (t) => {
  const { origin, client, app } = await setUp(t, (app) => {
    app.get('/demo', async () => 'plain')
    app.ws('/demo', echo)
  }, {}, { secure: true })
  const peer = await client.open()
  peer.send(1, 'over HTTP/2')
  t.equal(await peer.readText(), 'over HTTP/2')
  const older = new WebSocket(`${origin.replace('https', 'wss')}/demo`, { rejectUnauthorized: false })
  await once(older, 'open')
  older.send('over HTTP/1.1')
  t.equal(String((await once(older, 'message'))[0]), 'over HTTP/1.1')
  t.equal(app.websocketServer.clients.size, 2)
  const closed = app.close()
  t.equal((await once(older, 'close'))[0], 1001)
  t.equal(await peer.readClose(), 1001)
  peer.sendClose(1001)
  peer.stream.end()
  await closed
})

t.test('a slow peer receives everything, and does not block other streams of its session', async (t) => {
  const { client, peer, socket } = await converse(t, { backpressure: { limit: 67_108_864 } })
  peer.stream.pause()
  const source = randomBytes(1_100_000, 3)
  const payloads = Array.from({ length: 40 }, (_, i) => source.subarray(i * 1_000, i * 1_000 +
    [10, 1_000, 100_000, 1_000_000][i % 4]!))
  let drains = 0
  socket.on('drain', () => { drains++ })
  const sent = Promise.all(payloads.map((payload) => socket.sent(payload)))
  await turn()
  socket.send('behind them')
  t.ok(socket.bufferedAmount > 10_000_000)
  t.equal((await client.open()).status, 200, 'more than maxSessionMemory waits')
  t.equal(drains, 0)
  const drained = once(socket, 'drain')
  peer.stream.resume()
  let wrong = -1
  for (const [i, payload] of payloads.entries()) if (!(await peer.readFrame()).payload.equals(payload)) wrong = i
  t.equal(wrong, -1)
  t.equal(await peer.readText(), 'behind them')
  await Promise.all([sent, drained])
  t.equal(socket.bufferedAmount, 0)
})

t.test('terminating a socket with queued messages calls their callbacks with an error', async (t) => {
  const { peer, socket } = await converse(t, { backpressure: false })
  peer.stream.pause()
  const sent = socket.sent(Buffer.alloc(4_194_304))
  const refused = t.rejects(sent, /closed before the data was sent/)
  const closed = closeOf(socket)
  await turn()
  socket.terminate()
  await refused
  t.equal(await closed, 1006)
})

t.test('a paused socket stops its peer, and no other stream', async (t) => {
  const { client } = await setUp(t, (app) => {
    app.ws('/paused', (socket) => { socket.on('message', () => {}); socket.pause() })
    app.ws('/demo', { maxPayload: 4_194_304 }, echo)
    app.get('/plain', async () => 'plain')
  })
  const paused = await Promise.all(Array.from({ length: 50 }, () => client.open('/paused')))
  for (const peer of paused) for (let i = 0; i < 16; i++) peer.send(2, Buffer.alloc(65_536))
  const peer = await client.open()
  const payload = randomBytes(1_048_576)
  for (let i = 0; i < 4; i++) {
    peer.send(2, payload)
    t.ok((await peer.readFrame()).payload.equals(payload))
  }
  t.equal((await client.get('/plain')).status, 200)
  t.ok(paused.every(({ stream }) => stream.writableLength > 0))
})

t.test('a silent peer is disconnected, a slow one is not', async (t) => {
  const silent = await converse(t, { heartbeat: { interval: 20, timeout: 20 } })
  t.equal((await silent.peer.readFrame()).opcode, 9)
  t.equal(await closeOf(silent.socket), 1006)
  t.equal(await silent.peer.closed(), CANCEL)

  const clock = new FakeClock(t)
  const { peer, socket } = await converse(t, { heartbeat: { interval: 400, timeout: 400 }, backpressure: false })
  peer.stream.pause()
  const closed = new AbortController()
  socket.once('close', () => { closed.abort() })
  socket.send(Buffer.alloc(8_388_608))
  for (let times = 0; times < 20; times++) {
    // The peer reads a little now and then: less than a window, and no answer to a ping comes through.
    const unsent = unsentBytes(socket._socket)
    while (unsentBytes(socket._socket) === unsent) {
      peer.stream.read(65_536)
      await new Promise(setImmediate)
    }
    clock.advance(300)
  }
  t.equal(closed.signal.aborted, false)
  const code = closeOf(socket)
  while (!closed.signal.aborted) {
    clock.advance(400)
    await new Promise(setImmediate)
  }
  t.equal(await code, 1006, 'but when it takes nothing any more')
})

t.test('a pong sets the latency', async (t) => {
  const { peer, socket } = await converse(t, { heartbeat: { interval: 20, timeout: 60_000 } })
  const { opcode, payload } = await peer.readFrame()
  t.equal(opcode, 9)
  peer.send(10, payload)
  peer.send(1, 'after')
  await once(socket, 'message')
  t.ok(socket.latency! >= 0)
})

t.test('streams that are opened and reset at once leave nothing behind', async (t) => {
  const { app, client, origin } = await setUp(t, (app) => {
    app.ws('/demo', { maxConnections: 200, preHandler: async () => { await turn() } }, () => {})
    app.get('/plain', async () => 'plain')
  })
  for (let round = 0; round < 2; round++) {
    await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      const stream = client.request('/demo')
      await new Promise<void>((resolve) => {
        stream.once('close', resolve)
        if (i % 2 === 0) setImmediate(() => { stream.close(CANCEL) })
        else stream.once('response', () => { stream.close(CANCEL) })
      })
    }))
  }
  const other = await Http2Client.connect(t, origin)
  t.equal((await other.get('/plain')).status, 200)
  while (app.websocketServer.clients.size > 0) await other.get('/plain')
  const full = await Promise.all(Array.from({ length: 200 }, () => other.open()))
  t.ok(full.every(({ status }) => status === 200), 'every place is free')
  t.equal((await other.open()).status, 503)
})

t.test('headers listeners, verifyClient and drop-in routes work over HTTP/2', async (t) => {
  const heads: string[][] = []
  const { app, client } = await setUp(t, (app) => {
    app.websocketServer.on('headers', (lines, request) => {
      heads.push([...lines, request.url as string])
      lines.push('X-Added: yes', 'Set-Cookie: a=1', 'Set-Cookie: b=2')
    })
    app.get('/demo', { websocket: true }, (socket, request) => { t.equal(request.ws, true); socket.send('hello') })
  }, { options: { verifyClient: ({ secure, req }) => !secure && req.method === 'GET' } })
  const peer = await client.open('/demo', { 'sec-websocket-protocol': 'a' })
  t.match(peer.headers, { 'x-added': 'yes', 'set-cookie': ['a=1', 'b=2'], 'sec-websocket-protocol': 'a' })
  t.same(heads, [['HTTP/2.0 200 OK', 'sec-websocket-protocol: a', '/demo']])
  t.equal(await peer.readText(), 'hello')
  t.equal(app.websocketServer.clients.size, 1)
  t.equal(app.websocketServer.broadcast('to all'), 1)
  t.equal(await peer.readText(), 'to all')
})
