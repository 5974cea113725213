import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import Fastify from 'fastify'
import cookie from '@fastify/cookie'
import t from 'tap'
import { fastifyWire } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient, text, upgradeHead } from '../fixtures/client.js'
import { converse } from '../fixtures/conversation.js'

t.test('a resource and its socket share one URL, in either order of declaration', async (t) => {
  for (const socketFirst of [true, false]) {
    const app = await createApp(t)
    const declareSocket = () => app.ws('/demo', (socket) => { socket.send('live') })
    if (socketFirst) declareSocket()
    app.get('/demo', async () => ({ state: 'stored' }))
    if (!socketFirst) declareSocket()
    const port = await listen(app)
    const answer = await fetch(`http://127.0.0.1:${port}/demo`)
    t.same(await answer.json(), { state: 'stored' })
    const client = new RawClient(t, port)
    t.match(await client.upgrade(), /^HTTP\/1\.1 101 /)
    t.equal(await client.readText(), 'live')
    t.equal((await fetch(`http://127.0.0.1:${port}/demo`, { method: 'HEAD' })).status, 200)
  }
})

t.test('the handler has the instance as this, and receives a real request', async (t) => {
  const app = await createApp(t)
  app.register(async (child) => {
    child.decorate('name', 'child')
    child.ws('/rooms/:room', {
      schema: { params: { type: 'object', properties: { room: { type: 'integer' } } } }
    }, function (socket, request) {
      socket.send(JSON.stringify({
        own: this === child, params: request.params, query: request.query, ip: request.ip, url: socket.url
      }))
    })
  }, { prefix: '/v1' })
  const client = new RawClient(t, await listen(app))
  await client.upgrade('/v1/rooms/7?a=b')
  t.same(JSON.parse(await client.readText()), {
    own: true, params: { room: 7 }, query: { a: 'b' }, ip: '127.0.0.1', url: '/v1/rooms/7?a=b'
  })
})

t.test('a registration that is not awaited serves plugins and after()', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(fastifyWire)
  app.after(() => { app.ws('/after', (socket) => { socket.send('after') }) })
  app.register(async (child) => { child.ws('/child', (socket) => { socket.send('child') }) })
  const port = await listen(app)
  for (const name of ['after', 'child']) {
    const client = new RawClient(t, port)
    await client.upgrade(`/${name}`)
    t.equal(await client.readText(), name)
  }
})

t.test('two contexts may register the plugin, each with its own defaults', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  for (const [prefix, maxPayload] of [['/small', 4], ['/large', 400]] as const) {
    app.register(async (child) => {
      await child.register(fastifyWire, { maxPayload })
      child.ws('/', (socket) => { socket.on('message', (data) => { socket.send(data) }) })
    }, { prefix })
  }
  const port = await listen(app)
  const small = new RawClient(t, port)
  await small.upgrade('/small')
  small.write(text('too long'))
  t.equal((await small.readFrame()).payload.readUInt16BE(), 1009)
  const large = new RawClient(t, port)
  await large.upgrade('/large')
  large.write(text('not too long'))
  t.equal((await large.readFrame()).payload.length, 12)
})

t.test('all hooks run before the 101, in order', async (t) => {
  const app = await createApp(t)
  const seen: string[] = []
  app.addHook('onRequest', async () => { seen.push('onRequest') })
  app.addHook('preParsing', async () => { seen.push('preParsing') })
  app.addHook('preValidation', async () => { seen.push('preValidation') })
  app.addHook('preHandler', async () => { seen.push('preHandler') })
  app.addHook('onSend', async () => { seen.push('onSend') })
  const responded = new Promise<number>((resolve) => {
    app.addHook('onResponse', async (_request, reply) => {
      seen.push('onResponse')
      resolve(reply.statusCode)
    })
  })
  app.ws('/demo', { onRequest: async () => { seen.push('route') } }, () => { seen.push('handler') })
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  t.equal(await responded, 101)
  t.same(seen, ['onRequest', 'route', 'preParsing', 'preValidation', 'preHandler', 'onSend', 'handler', 'onResponse'])
})

t.test('a hook that replies, throws or fails validation sends that answer and opens no socket', async (t) => {
  const app = await createApp(t)
  let handled = 0
  const handler = () => { handled++ }
  app.ws('/replies', {
    onRequest: async (_request, reply) => reply.code(401).header('www-authenticate', 'Bearer').send({ message: 'who?' })
  }, handler)
  app.ws('/throws', { preHandler: async () => { throw Object.assign(new Error('no'), { statusCode: 403 }) } }, handler)
  app.ws('/validates', {
    schema: { querystring: { type: 'object', required: ['token'], properties: { token: { type: 'string' } } } }
  }, handler)
  const port = await listen(app)
  for (const [path, status] of [['/replies', 401], ['/throws', 403], ['/validates', 400]] as const) {
    const client = new RawClient(t, port)
    client.write(upgradeHead(path))
    const answer = await client.readAnswer()
    t.equal(answer.status, status)
    t.match(answer.head, /connection: close/i)
    if (status === 401) t.match(answer.head, /www-authenticate: Bearer/i)
    await client.readEnd()
  }
  t.equal(handled, 0)
})

t.test('headers and cookies that hooks set are on the 101', async (t) => {
  const app = await createApp(t)
  await app.register(cookie)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-by-reply', 'one').header('set-cookie', ['a=1', 'b=2'])
    reply.raw.setHeader('X-By-Raw', 'two')
  })
  app.ws('/demo', { preHandler: async (_request, reply) => { reply.setCookie('sid', '42') } }, () => {})
  const client = new RawClient(t, await listen(app))
  const head = await client.upgrade()
  t.match(
    head,
    /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/
  )
  for (const line of ['x-by-reply: one', 'set-cookie: a=1', 'set-cookie: b=2', 'set-cookie: sid=42', 'X-By-Raw: two']) {
    t.match(head.toLowerCase(), line.toLowerCase())
  }
})

t.test('a plain GET of a URL with only a socket gets 426, unless another resource matches', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  app.ws('/files/live', () => {})
  app.get('/files/*', async () => 'file')
  const port = await listen(app)
  const answer = await fetch(`http://127.0.0.1:${port}/demo`)
  t.equal(answer.status, 426)
  t.equal(answer.headers.get('upgrade'), 'websocket')
  t.match(await answer.json(), { code: 'FST_WIRE_UPGRADE_REQUIRED', statusCode: 426 })
  t.equal((await fetch(`http://127.0.0.1:${port}/files/live`)).status, 200)
  t.equal((await fetch(`http://127.0.0.1:${port}/demo`, { method: 'POST' })).status, 404)
  t.equal((await fetch(`http://127.0.0.1:${port}/none`)).status, 404)
  t.equal((await app.inject('/demo')).statusCode, 426)
})

t.test('an upgrade to a URL without a socket gets a real 404', async (t) => {
  const app = await createApp(t)
  app.get('/only', async () => 'resource')
  app.setNotFoundHandler((request, reply) => reply.code(404).send({ message: `nothing at ${request.url}` }))
  const port = await listen(app)
  for (const [path, message] of [
    ['/only', 'There is no WebSocket at "/only": this URL accepts plain HTTP requests only'],
    ['/none', 'nothing at /none']
  ] as const) {
    const client = new RawClient(t, port)
    client.write(upgradeHead(path))
    const answer = await client.readAnswer()
    t.equal(answer.status, 404)
    t.equal(answer.body.message, message)
  }
})

t.test('a bad handshake gets an answer that names the error, and the server goes on', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.send('hello') })
  const port = await listen(app)
  const cases: Array<[number, string, string]> = [
    [405, 'FST_WIRE_METHOD', upgradeHead('/demo', {}, 'POST /demo HTTP/1.1')],
    [400, 'FST_WIRE_HTTP_VERSION', upgradeHead('/demo', {}, 'GET /demo HTTP/1.0')],
    [400, 'FST_WIRE_KEY_MISSING', upgradeHead('/demo', { 'Sec-WebSocket-Key': undefined })],
    [400, 'FST_WIRE_KEY', upgradeHead('/demo', { 'Sec-WebSocket-Key': 'short' })],
    [426, 'FST_WIRE_VERSION', upgradeHead('/demo', { 'Sec-WebSocket-Version': '9' })],
    [400, 'FST_WIRE_VERSION_MISSING', upgradeHead('/demo', { 'Sec-WebSocket-Version': undefined })],
    [400, 'FST_WIRE_CONNECTION_HEADER', upgradeHead('/demo', { Connection: 'keep-alive' })],
    [400, 'FST_WIRE_HOST', upgradeHead('/demo', { Host: undefined })]
  ]
  for (const [status, code, bytes] of cases) {
    const client = new RawClient(t, port)
    client.write(bytes)
    const answer = await client.readAnswer()
    t.equal(answer.status, status, code)
    t.equal(answer.body.code, code)
    if (status === 426) t.match(answer.head, /sec-websocket-version: 13, 8, 7/i)
    if (status === 405) t.match(answer.head, /allow: GET/i)
  }
  const client = new RawClient(t, port)
  await client.upgrade()
  t.equal(await client.readText(), 'hello')
})

t.test('an upgrade to another protocol gets a plain answer with its body', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  app.get('/demo', async () => 'plain')
  app.post('/demo', async (request) => request.body)
  const port = await listen(app)
  const foreign = async (method: string, body?: string): Promise<string> => {
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/demo',
      method,
      headers: { connection: 'Upgrade', upgrade: 'h2c', 'content-type': 'text/plain' }
    })
    request.end(body)
    const [response] = await once(request, 'response')
    response.setEncoding('utf8')
    const [data] = await once(response, 'data')
    return data
  }
  t.equal(await foreign('GET'), 'plain')
  t.equal(await foreign('POST', 'the body'), 'the body')
})

t.test('upgrades to the path of another listener are ignored', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.send('ours') })
  const port = await listen(app)
  app.server.on('upgrade', (request, socket) => {
    if (request.url === '/theirs') socket.end('HTTP/1.1 101 Theirs\r\n\r\n')
  })
  const theirs = new RawClient(t, port)
  t.match(await theirs.upgrade('/theirs'), /101 Theirs/)
  const ours = new RawClient(t, port)
  await ours.upgrade('/demo')
  t.equal(await ours.readText(), 'ours')
})

t.test('an invalid declaration throws', async (t) => {
  const app = await createApp(t)
  t.throws(() => app.ws('/demo', {}, undefined as never), { code: 'FST_WIRE_HANDLER' })
  t.throws(() => app.ws('/demo', undefined as never), { code: 'FST_WIRE_HANDLER' })
  t.throws(() => app.ws('/demo', { maxPayload: -1 }, () => {}), { code: 'FST_WIRE_OPTION' })
  t.throws(() => app.ws('/demo', { maxPayloads: 1 } as object, () => {}), { code: 'FST_WIRE_MISSPELT_OPTION' })
  t.throws(() => app.ws('/demo', { onInvalid: 'reply' }, () => {}), { code: 'FST_WIRE_ROUTE_OPTION' })
  t.throws(() => app.ws('/demo', (() => {}) as never, {} as never), { code: 'FST_WIRE_ROUTE_ARGUMENTS' })
  await t.rejects(
    async () => { await Fastify().register(fastifyWire, { closeTimeout: 0 }) }, { code: 'FST_WIRE_OPTION' }
  )
})

t.test('the request and the end of its socket are logged', async (t) => {
  const lines: Array<Record<string, unknown>> = []
  let wake = (): void => {}
  const stream = { write (line: string) { lines.push(JSON.parse(line)); wake() } }
  const app = await createApp(t, {}, { logger: { level: 'info', stream } })
  app.ws('/demo', (socket) => { socket.on('message', (data) => { socket.send(data) }) })
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  client.write(text('four'))
  await client.readText()
  client.socket.end()
  const find = (message: string) => lines.find((line) => line['msg'] === message)
  while (find('socket closed') === undefined) await new Promise<void>((resolve) => { wake = resolve })
  t.match(find('request completed'), { res: { statusCode: 101 } })
  t.match(find('socket closed'), {
    reqId: 'req-1',
    socket: { version: '13', code: 1006, messagesReceived: 1, bytesReceived: 4, messagesSent: 1, bytesSent: 4 },
    duration: Number
  })
})

t.test('with request logging off, the end of a socket is not logged either', async (t) => {
  for (const disableRequestLogging of [true, () => true]) {
    const lines: string[] = []
    const app = await createApp(t, {}, {
      disableRequestLogging, logger: { level: 'info', stream: { write (line: string) { lines.push(line) } } }
    })
    const closed = new Promise((resolve) => { app.ws('/demo', (socket) => { socket.on('close', resolve) }) })
    const client = new RawClient(t, await listen(app))
    await client.upgrade()
    client.socket.destroy()
    await closed
    t.notMatch(lines.join(''), 'socket closed')
  }
})

t.test('by default an error of a handler is logged and closes 1011', async (t) => {
  const lines: string[] = []
  const app = await createApp(t, {}, {
    logger: { level: 'error', stream: { write (line: string) { lines.push(line) } } }
  })
  app.ws('/demo', () => { throw new Error('of the handler') })
  const port = await listen(app)
  const client = new RawClient(t, port)
  await client.upgrade()
  t.equal((await client.readFrame()).payload.readUInt16BE(), 1011)
  t.match(lines.join(''), 'of the handler')
})

t.test('an errorHandler that throws terminates the socket', async (t) => {
  for (const errorHandler of [() => { throw new Error('again') }, async () => { throw new Error('again') }]) {
    const { client } = await converse(t, { errorHandler, handler: () => { throw new Error('first') } })
    await client.readEnd()
  }
})

t.test('a protocols function picks a subprotocol, picks none, or fails with an error that names the fix', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', {
    protocols: (offered, request) => (request.query as { pick?: string }).pick ??
      (offered.includes('none') ? false : undefined)
  }, (socket) => { socket.send(socket.protocol) })
  const port = await listen(app)
  const ask = async (path: string, protocols?: string) => {
    const client = new RawClient(t, port)
    return await client.upgrade(path, { 'Sec-WebSocket-Protocol': protocols })
  }
  t.match(await ask('/demo?pick=b', 'a, b'), 'Sec-WebSocket-Protocol: b')
  t.notMatch(await ask('/demo', 'a, b'), 'Sec-WebSocket-Protocol')
  t.notMatch(await ask('/demo', 'none'), 'Sec-WebSocket-Protocol')
  t.notMatch(await ask('/demo'), 'Sec-WebSocket-Protocol')
  t.match(await ask('/demo?pick=c', 'a, b'), ' 500 ')
})

t.test('a route may have schemas for its messages in addition to those of its handshake', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', { schema: { message: { type: 'integer' }, send: { type: 'string' } } }, (socket) => {
    socket.on('message', (value) => { socket.send(`got ${typeof value}`) })
  })
  const client = new RawClient(t, await listen(app))
  await client.upgrade('/demo')
  client.write(text('5'))
  t.equal(await client.readText(), '"got number"')
})
