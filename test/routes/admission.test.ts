import { once } from 'node:events'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { SocketOptions, WireOptions } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient, upgradeHead } from '../fixtures/client.js'
import { FakeClock } from '../fixtures/clock.js'
import { createHttp2App, Http2Client, listenHttp2 } from '../fixtures/http2.js'

type Headers = Record<string, string | undefined>

interface Line { level: number, msg: string, origin?: string, own?: string }

const setUp = async (
  t: Test, options: SocketOptions = {}, plugin: WireOptions = {}, server: FastifyServerOptions = {},
  extend = (_app: FastifyInstance): void => {}
) => {
  const lines: Line[] = []
  const app = await createApp(t, plugin, {
    logger: { level: 'warn', stream: { write: (line: string) => { lines.push(JSON.parse(line) as Line) } } }, ...server
  })
  let hooks = 0
  app.ws('/demo', { ...options, onRequest: async () => { hooks++ } }, () => {})
  app.get('/drop-in', { websocket: true }, () => {})
  extend(app)
  const port = await listen(app)
  const ask = async (headers: Headers = {}, path = '/demo') => {
    const client = new RawClient(t, port)
    client.write(upgradeHead(path, headers))
    const head = await client.readHead()
    const status = Number(head.split(' ')[1])
    if (status === 101) return { client, status, head, code: undefined, message: undefined }
    const { code, message } = JSON.parse((await client.readEnd()).toString()) as { code: string, message: string }
    return { client, status, head, code, message }
  }
  return { app, port, lines, ask, hooks: () => hooks }
}

t.test('pages of the same origin may connect, and clients that are not browsers', async (t) => {
  const { ask, hooks, lines } = await setUp(t)
  t.equal((await ask()).status, 101)
  t.equal((await ask({ Origin: 'http://example.com' })).status, 101)
  t.equal((await ask({ Host: 'example.com:8080', Origin: 'http://example.com:8080' })).status, 101)
  t.equal(hooks(), 3)
  t.same(lines, [])
  for (const origin of ['http://evil.example', 'https://example.com', 'http://example.com:8080', 'null', '']) {
    t.match(await ask({ Origin: origin }), {
      status: 403, code: 'FST_WIRE_ORIGIN', message: `The origin "${origin}" is not allowed to connect`
    })
  }
  t.equal(hooks(), 3, 'a refusal comes before the hooks of the route')
})

t.test('a refused origin is logged with the option that would allow it', async (t) => {
  const { ask, lines } = await setUp(t)
  await ask({ Origin: 'https://example.com' })
  t.match(lines, [{
    level: 40,
    refused: { code: 'FST_WIRE_ORIGIN', statusCode: 403, origin: 'https://example.com', own: 'http://example.com' },
    msg: 'upgrade refused: the option origin can allow it; behind a proxy, set trustProxy'
  }])
  const other = await setUp(t)
  await other.ask({ Host: 'b'.repeat(200), Origin: `http://${'a'.repeat(5_000)}` })
  // With the longest details, on a machine with a long name.
  const { length } = JSON.stringify({ ...other.lines[0], hostname: 'x'.repeat(40) })
  t.ok(length < 400, `${length} bytes`)
})

t.test('drafts send the origin in headers of other names', async (t) => {
  const { ask } = await setUp(t)
  for (const version of ['7', '8']) {
    const draft = { 'Sec-WebSocket-Version': version }
    t.equal((await ask({ ...draft, 'Sec-WebSocket-Origin': 'http://example.com' })).status, 101)
    t.equal((await ask({ ...draft, 'Sec-WebSocket-Origin': 'http://evil.example' })).status, 403)
    t.equal((await ask({
      ...draft, 'Sec-WebSocket-Origin': 'http://evil.example', Origin: 'http://example.com'
    })).status, 403)
  }
  const hixie = { Upgrade: 'WebSocket', 'Sec-WebSocket-Key': undefined, 'Sec-WebSocket-Version': undefined }
  t.equal((await ask({ ...hixie, Origin: 'http://example.com' })).status, 101)
  t.equal((await ask({ ...hixie, Origin: 'http://evil.example' })).status, 403)
  t.equal((await ask({ ...hixie, Origin: 'null' })).status, 403)
})

t.test('behind a trusted proxy, the origin is compared with the host that the client sees', async (t) => {
  const forwarded = {
    Host: '10.0.0.7:3000',
    'X-Forwarded-Host': 'app.example',
    'X-Forwarded-Proto': 'https',
    Origin: 'https://app.example'
  }
  const trusting = await setUp(t, {}, {}, { trustProxy: true })
  t.equal((await trusting.ask(forwarded)).status, 101)
  t.equal((await trusting.ask({ ...forwarded, 'X-Forwarded-Host': 'app.example:443' })).status, 101)
  t.equal((await trusting.ask({ ...forwarded, 'X-Forwarded-Proto': 'http' })).status, 403)
  t.equal((await trusting.ask({ ...forwarded, Origin: 'http://10.0.0.7:3000' })).status, 403)
  const wary = await setUp(t)
  t.equal((await wary.ask(forwarded)).status, 403)
  t.match(wary.lines[0]?.msg, 'trustProxy')
})

t.test('over HTTP/2 the scheme of the request is part of the origin', async (t) => {
  const app = await createHttp2App(t)
  app.ws('/demo', () => {})
  const client = await Http2Client.connect(t, await listenHttp2(app))
  const ask = async (scheme: string, origin: string): Promise<number> => (await client.open('/demo', {
    ':scheme': scheme, ':authority': 'example.com', origin
  })).status
  t.equal(await ask('https', 'https://example.com'), 200)
  t.equal(await ask('https', 'http://example.com'), 403)
  t.equal(await ask('http', 'http://example.com'), 200)
})

t.test('pages of the listed origins may connect', async (t) => {
  const { ask, lines } = await setUp(t, { origin: ['https://app.example', /^https:\/\/\w+\.preview\.example$/] })
  t.equal((await ask({ Origin: 'https://app.example' })).status, 101)
  t.equal((await ask({ Origin: 'https://one.preview.example' })).status, 101)
  t.equal((await ask()).status, 101)
  t.equal((await ask({ Origin: 'http://example.com' })).status, 403)
  t.equal((await ask({ Origin: 'null' })).status, 403)
  t.notMatch(lines[0]?.msg, 'trustProxy')
})

t.test('origin: true admits all origins; a list may contain "null"', async (t) => {
  const any = await setUp(t, { origin: true })
  for (const origin of ['http://evil.example', 'null', 'not an origin']) {
    t.equal((await any.ask({ Origin: origin })).status, 101)
  }
  const named = await setUp(t, { origin: ['null', 'same-origin'] })
  t.equal((await named.ask({ Origin: 'null' })).status, 101)
  t.equal((await named.ask({ Origin: 'http://example.com' })).status, 101)
})

t.test('an origin function decides synchronously or asynchronously, and only true admits', async (t) => {
  const asked: Array<[string, string]> = []
  const note = (origin: string, request: FastifyRequest): void => { asked.push([origin, request.url]) }
  const sync = await setUp(t, {
    origin: (origin, request) => {
      note(origin, request)
      return origin.endsWith('.example')
    }
  })
  t.equal((await sync.ask({ Origin: 'http://a.example' })).status, 101)
  t.equal((await sync.ask({ Origin: 'http://a.test' })).status, 403)
  t.equal((await sync.ask()).status, 101)
  t.same(asked, [['http://a.example', '/demo'], ['http://a.test', '/demo']])
  t.match(sync.lines[0]?.msg, 'the function in the option origin did not allow it')
  const later = await setUp(t, {
    origin: async (origin) => {
      await new Promise(setImmediate)
      return origin.endsWith('.example')
    }
  })
  t.equal((await later.ask({ Origin: 'http://a.example' })).status, 101)
  t.equal((await later.ask({ Origin: 'http://a.test' })).status, 403)
  const loose = await setUp(t, { origin: (() => 'yes') as unknown as () => boolean })
  t.equal((await loose.ask({ Origin: 'http://a.example' })).status, 403)
})

t.test('an error of an origin function is the error of the request', async (t) => {
  const error = Object.assign(new Error('no database'), { statusCode: 502 })
  for (const origin of [() => { throw error }, async () => { throw error }]) {
    const { ask } = await setUp(t, { origin })
    t.match(await ask({ Origin: 'http://a.example' }), { status: 502, message: 'no database' })
  }
})

t.test('an origin function that throws a value other than an Error refuses', async (t) => {
  const nothing: unknown = undefined
  for (const origin of [() => { throw nothing }, async () => { throw nothing }, () => Promise.reject(nothing)]) {
    const { ask } = await setUp(t, { origin })
    t.match(await ask({ Origin: 'http://a.example' }), { status: 403, code: 'FST_WIRE_ORIGIN' })
  }
})

t.test('drop-in routes admit all origins, unless the plugin has the option origin', async (t) => {
  const open = await setUp(t)
  t.equal((await open.ask({ Origin: 'http://evil.example' }, '/drop-in')).status, 101)
  t.equal((await open.ask({ Origin: 'http://evil.example' })).status, 403)
  const strict = await setUp(t, {}, { origin: 'same-origin' })
  t.equal((await strict.ask({ Origin: 'http://evil.example' }, '/drop-in')).status, 403)
  t.equal((await strict.ask({ Origin: 'http://example.com' }, '/drop-in')).status, 101)
})

t.test('the limits of the plugin apply to all its routes together, the limits of a route to that route', async (t) => {
  const app = await createApp(t, { maxConnections: 3, maxConnectionsPerAddress: 3 })
  app.ws('/a', { maxConnections: 1 }, () => {})
  app.ws('/b', { maxConnectionsPerAddress: 2 }, () => {})
  app.ws('/c', () => {})
  app.get('/d', { websocket: true }, () => {})
  const port = await listen(app)
  const ask = async (path: string) => {
    const client = new RawClient(t, port)
    const head = await client.upgrade(path)
    return { client, status: Number(head.split(' ')[1]), head }
  }
  const [a] = [await ask('/a'), await ask('/b'), await ask('/b')]
  t.equal(a!.status, 101)
  t.match(await ask('/a'), { status: 429 }, 'the address has as many as the plugin says')
  const closed = new Promise((resolve) => {
    for (const socket of app.websocketServer.clients) if (socket.url === '/a') socket.on('close', resolve)
  })
  a!.client.socket.destroy()
  await closed
  t.match(await ask('/b'), { status: 429, head: /\r\nretry-after: 10\r\n/i })
  t.match(await ask('/d'), { status: 101 })
  t.match(await ask('/c'), { status: 429 })
})

t.test('a connection over maxConnections gets 503 with Retry-After', async (t) => {
  const { ask, hooks } = await setUp(t, { maxConnections: 1 })
  t.equal((await ask()).status, 101)
  t.match(await ask(), { status: 503, code: 'FST_WIRE_CONNECTIONS', head: /\r\nretry-after: 10\r\n/i })
  t.equal(hooks(), 1)
})

t.test('behind a trusted proxy, the address of the client is counted', async (t) => {
  const { ask } = await setUp(t, { maxConnectionsPerAddress: 1 }, {}, { trustProxy: true })
  t.equal((await ask({ 'X-Forwarded-For': '192.0.2.1' })).status, 101)
  t.match(await ask({ 'X-Forwarded-For': '192.0.2.1' }), { status: 429, code: 'FST_WIRE_CONNECTIONS_ADDRESS' })
  t.equal((await ask({ 'X-Forwarded-For': '192.0.2.2' })).status, 101)
  t.equal((await ask({ 'X-Forwarded-For': '2001:db8::1' })).status, 101)
  t.equal((await ask({ 'X-Forwarded-For': '2001:db8::2' })).status, 429)
})

t.test('a pending handshake counts as a connection', async (t) => {
  const app = await createApp(t, { maxConnections: 1 })
  let proceed = (): void => {}
  const entered = new Promise<void>((resolve) => {
    app.ws('/demo', {
      preHandler: () => {
        resolve()
        return new Promise<void>((resolve) => { proceed = resolve })
      }
    }, () => {})
  })
  const port = await listen(app)
  const first = new RawClient(t, port)
  first.write(upgradeHead())
  await entered
  const second = new RawClient(t, port)
  second.write(upgradeHead())
  t.equal((await second.readAnswer()).status, 503)
  proceed()
  t.match(await first.readHead(), ' 101 ')
})

t.test('refused handshakes and closed sockets no longer count as connections', async (t) => {
  const clock = new FakeClock(t)
  const app = await createApp(t, {
    maxConnections: 1, maxConnectionsPerAddress: 1, handshakeTimeout: 60_000, origin: ['http://a.example']
  })
  const { server } = app
  const entered = { resolve: (): void => {} }
  app.ws('/fine', (socket) => { socket.on('message', () => { socket.terminate() }) })
  app.ws('/replies', { preHandler: async (_request, reply) => reply.code(401).send({}) }, () => {})
  app.ws('/throws', { preHandler: async () => { throw new Error('no') } }, () => {})
  app.ws('/hangs', { preHandler: () => { entered.resolve(); return new Promise<void>(() => {}) } }, () => {})
  app.ws('/picks', { protocols: () => 'none of them' }, () => {})
  app.ws('/full', { maxConnections: 0 }, () => {})
  app.ws('/fails', () => { throw new Error('of the handler') })
  const port = await listen(app)
  const isFree = async (name: string): Promise<void> => {
    const client = new RawClient(t, port)
    t.match(await client.upgrade('/fine'), ' 101 ', name)
    const [socket] = app.websocketServer.clients
    const closed = new Promise((resolve) => { socket!.on('close', resolve) })
    client.socket.destroy()
    await closed
  }
  const refused = async (status: number, path: string, headers: Headers = {}): Promise<void> => {
    const client = new RawClient(t, port)
    client.write(upgradeHead(path, headers))
    if (path === '/hangs') await clock.expire(60_000)
    t.match(await client.readHead(), ` ${status} `, path)
    await client.readEnd()
    await isFree(path)
  }
  await isFree('a disconnect')
  await refused(403, '/fine', { Origin: 'http://b.example' })
  await refused(401, '/replies')
  await refused(500, '/throws')
  await refused(503, '/hangs')
  await refused(500, '/picks', { 'Sec-WebSocket-Protocol': 'a' })
  await refused(503, '/full')
  await refused(400, '/fine', { 'Sec-WebSocket-Key': 'bad' })

  // The connection closes while the hooks run.
  const inHooks = new Promise<void>((resolve) => { entered.resolve = resolve })
  const connected = once(server, 'connection')
  const cut = new RawClient(t, port)
  cut.write(upgradeHead('/hangs'))
  const [[stream]] = await Promise.all([connected, inHooks])
  const gone = new Promise((resolve) => { stream.once('close', resolve) })
  stream.resume()
  cut.socket.resetAndDestroy()
  await gone
  await isFree('a reset during the hooks')

  // The eight bytes of hixie-76 never come.
  const slow = new RawClient(t, port)
  slow.write(upgradeHead('/fine', {
    Origin: 'http://a.example',
    Upgrade: 'WebSocket',
    'Sec-WebSocket-Key': undefined,
    'Sec-WebSocket-Version': undefined,
    'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5',
    'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00'
  }))
  await clock.expire(60_000)
  t.match(await slow.readHead(), ' 408 ')
  await slow.readEnd()
  await isFree('a handshake that is never complete')

  // The handler throws: the socket is closed with 1011.
  const failing = new RawClient(t, port, true)
  t.match(await failing.upgrade('/fails'), ' 101 ')
  const [socket] = app.websocketServer.clients
  const closed = new Promise((resolve) => { socket!.on('close', resolve) })
  failing.socket.destroy()
  await closed
  await isFree('a handler that throws')
})

// As a package does that wraps the answer.
const breakReplies = (app: FastifyInstance): void => {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.url !== '/broken') return done()
    for (const name of ['code', 'send']) Object.defineProperty(reply, name, { get () { throw new Error('a secret') } })
    done()
  })
  app.ws('/broken', { origin: async () => true }, () => {})
}

t.test('an error after an asynchronous origin check is answered and logged', async (t) => {
  const { ask, lines } = await setUp(t, {}, {}, {}, breakReplies)
  t.match(await ask({ Origin: 'http://example.com' }, '/broken'), { status: 500, code: 'FST_WIRE_UPGRADE' })
  t.match(lines, [{ level: 50, msg: 'an upgrade failed', err: { message: 'a secret' } }])
})

t.test('a logger that throws after an asynchronous origin check does not prevent the answer', async (t) => {
  const fail = (): void => { throw new Error('disk full') }
  const pass = (): void => {}
  const logger = {
    level: 'info',
    fatal: fail,
    error: fail,
    warn: fail,
    info: pass,
    debug: pass,
    trace: pass,
    silent: pass,
    child: () => logger
  }
  const server = { logger: undefined, loggerInstance: logger } as unknown as FastifyServerOptions
  const { ask } = await setUp(t, { origin: async () => false }, {}, server, (app) => {
    breakReplies(app)
    app.ws('/throws', { origin: async () => { throw new Error('no') } }, () => {})
  })
  t.match(await ask({ Origin: 'http://example.com' }, '/demo'), { status: 403 })
  t.match(await ask({ Origin: 'http://example.com' }, '/broken'), { status: 500, code: 'FST_WIRE_UPGRADE' })
  t.match(await ask({ Origin: 'http://example.com' }, '/throws'), { status: 500 })
})

t.test('the connection is closed if no answer is possible after an asynchronous origin check', async (t) => {
  const app = await createApp(t)
  app.addHook('onRequest', (_request, reply, done) => {
    reply.raw.getHeaderNames = () => { throw new Error('wrapped') }
    done()
  })
  breakReplies(app)
  const client = new RawClient(t, await listen(app))
  client.write(upgradeHead('/broken', { Origin: 'http://example.com' }))
  t.equal((await client.readEnd()).length, 0)
})

t.test('an origin function may come from another realm', async (t) => {
  const later = runInNewContext('(isAllowed) => async () => isAllowed') as (
    isAllowed: boolean
  ) => () => Promise<boolean>
  t.equal((await (await setUp(t, { origin: later(true) })).ask({ Origin: 'http://x.example' })).status, 101)
  t.equal((await (await setUp(t, { origin: later(false) })).ask({ Origin: 'http://x.example' })).status, 403)
  const error = runInNewContext('Object.assign(new Error("not now"), { statusCode: 418 })') as Error
  const thrown = await (await setUp(t, { origin: () => { throw error } })).ask({ Origin: 'http://x.example' })
  t.equal(thrown.status, 418)
  const patterns = [runInNewContext('/example$/') as RegExp]
  t.equal((await (await setUp(t, { origin: patterns })).ask({ Origin: 'http://x.example' })).status, 101)
})

t.test('a refusal logs at most 400 bytes, whatever the client sent', async (t) => {
  const Host = `${'h'.repeat(3_000)}.example`
  for (const origin of [
    'https://example.com', `http://${'"'.repeat(5_000)}`, `http://${'\\'.repeat(5_000)}`, 'ä'.repeat(5_000)
  ]) {
    const { ask, lines } = await setUp(t)
    t.equal((await ask({ Origin: origin, Host })).status, 403)
    t.equal(lines.length, 1)
    t.ok(Buffer.byteLength(JSON.stringify(lines[0])) < 400, JSON.stringify(lines[0]))
  }
})
