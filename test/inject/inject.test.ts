import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Server } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import cookie from '@fastify/cookie'
import t from 'tap'
import { fastifyWire, type InjectError, type Version } from '../../index.js'
import { injectSocket, applyContext } from '../../lib/inject/inject.js'
import { createHttp2App } from '../fixtures/http2.js'
import { createApp } from '../fixtures/app.js'

t.test('the server sees a real request', async (t) => {
  const app = await createApp(t)
  await app.register(cookie)
  app.get('/demo', { websocket: true }, (socket, request) => {
    const { ip, protocol, host, headers, cookies, url, query, ws } = request
    socket.send(JSON.stringify({
      ip,
      protocol,
      host,
      cookies,
      url,
      query,
      ws,
      own: headers['x-own'],
      port: request.socket.remotePort,
      same: request.raw.socket === request.socket,
      protocols: socket.protocol
    }))
  })
  const client = await app.injectWS('/demo?a=b', {
    headers: { 'x-own': 'yes', cookie: 'sid=42', host: 'demo.example', 'x-none': undefined },
    protocols: ['one', 'two'],
    remoteAddress: '192.0.2.7'
  })
  const [data] = await once(client, 'message')
  t.same(JSON.parse(data.toString()), {
    ip: '192.0.2.7',
    protocol: 'http',
    host: 'demo.example',
    cookies: { sid: '42' },
    url: '/demo?a=b',
    query: { a: 'b' },
    ws: true,
    own: 'yes',
    port: 49_152,
    same: true,
    protocols: 'one'
  })
  t.equal(client.protocol, 'one')
  client.terminate()
})

t.test('remoteAddress may be IPv4 or IPv6, or come from a given socket', async (t) => {
  const app = await createApp(t)
  app.ws(
    '/demo',
    (socket, request) => { socket.send(`${request.ip} ${request.socket.remoteFamily} ${request.socket.localAddress}`) }
  )
  for (const [context, told] of [
    [{ remoteAddress: '2001:db8::7' }, '2001:db8::7 IPv6 ::1'],
    [{ socket: { remoteAddress: '192.0.2.8' } }, '192.0.2.8 IPv4 127.0.0.1'],
    [undefined, '127.0.0.1 IPv4 127.0.0.1']
  ] as const) {
    const client = await app.injectWS('/demo', context)
    t.equal(String((await once(client, 'message'))[0]), told)
    client.terminate()
  }
})

t.test('every version can be injected', async (t) => {
  const app = await createApp(t)
  app.ws('/', (socket) => {
    socket.send(`${socket.version} ${socket.protocol}`)
    socket.on('message', (data) => { socket.send(`echo ${data.toString()}`) })
  })
  for (const version of ['13', '8', '7', 'hixie-76', 'hixie-75'] satisfies Version[]) {
    const client = await app.injectWS(undefined, { version, protocols: 'one' })
    t.equal(client.protocol, 'one')
    t.equal(String((await once(client, 'message'))[0]), `${version} one`)
    client.send('é'.repeat(70_000))
    t.ok(String((await once(client, 'message'))[0]) === `echo ${'é'.repeat(70_000)}`)
    client.terminate()
  }
})

t.test('a version that requires an origin sends that of the server, unless one is given', async (t) => {
  for (const https of [null, {}]) {
    const app = Fastify({ https } as object) as FastifyInstance
    t.teardown(() => app.close())
    await app.register(fastifyWire)
    app.ws('/', (socket, request) => { socket.send(String(request.headers.origin)) })
    const scheme = https === null ? 'http' : 'https'
    for (const [headers, origin] of [
      [{}, `${scheme}://localhost`], [{ Host: 'demo.example:8080' }, `${scheme}://demo.example:8080`]
    ] as const) {
      const client = await app.injectWS('/', { version: 'hixie-75', headers })
      t.equal(String((await once(client, 'message'))[0]), origin)
      client.terminate()
    }
    await t.rejects(app.injectWS('/', { version: 'hixie-75', headers: { origin: 'http://evil.example' } }), {
      message: 'Unexpected server response: 403'
    })
  }
})

t.test('the digest of hixie-76 is removed from the messages, however it is split', async (t) => {
  const app = await createApp(t)
  app.ws('/', (socket) => { socket.send('after the proof') })
  // Head and proof of the answer come in one packet each.
  const client = await app.injectWS('/', { version: 'hixie-76' })
  t.equal(String((await once(client, 'message'))[0]), 'after the proof')
  client.terminate()
})

t.test('a refusal rejects with the whole answer', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', {
    onRequest: async (_request, reply) => reply.code(401).header('www-authenticate', 'Bearer').send({ message: 'who?' })
  }, () => { t.fail('no socket') })
  const error = await app.injectWS('/demo').then(() => undefined, (reason: InjectError) => reason)
  t.match(error, {
    code: 'FST_WIRE_UNEXPECTED_ANSWER',
    name: 'Error',
    message: 'Unexpected server response: 401',
    statusCode: 401,
    headers: { 'www-authenticate': 'Bearer' },
    body: '{"message":"who?"}'
  })
  const refusalOf = async (...args: Parameters<typeof app.injectWS>) => await app.injectWS(...args).then(
    () => undefined, (reason: InjectError) => reason
  )
  t.match(await refusalOf('/none'), { statusCode: 404 })
  t.match(await refusalOf('/demo', { headers: { 'sec-websocket-version': '9' } }), {
    statusCode: 426, headers: { 'sec-websocket-version': '13, 8, 7' }
  })
})

t.test('a connection that closes before the answer rejects', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', { onRequest: async (request) => { request.raw.destroy() } }, () => {})
  await t.rejects(app.injectWS('/demo'))
  await t.rejects(app.injectWS('/demo', {}, { onInit: (client) => { client.terminate() } }))
})

t.test('an error thrown by onOpen rejects', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  let opened = 0
  const client = await app.injectWS('/demo', {}, { onOpen: () => { opened++ } })
  t.equal(opened, 1)
  client.terminate()
  const failed = app.injectWS('/demo', {}, {
    onInit: (other) => { other.on('open', () => { other.terminate() }) }, onOpen: () => { throw new Error('mine') }
  })
  await t.rejects(failed, { message: 'mine' })
})

t.test('the application is made ready first, and closes its sockets as usual', async (t) => {
  const app = Fastify()
  await app.register(fastifyWire)
  app.register(async (child) => { child.ws('/child', (socket) => { socket.send('in') }) })
  const client = await app.injectWS('/child')
  const closed = once(client, 'close')
  await app.close()
  t.equal((await closed)[0], 1001)
})

t.test('an application with TLS gets a secure request', async (t) => {
  const app = Fastify({ https: {} })
  t.teardown(() => app.close())
  await app.register(fastifyWire)
  app.ws('/demo', (socket, request) => { socket.send(request.protocol) })
  const client = await app.injectWS('/demo')
  t.equal(String((await once(client, 'message'))[0]), 'https')
  client.terminate()
})

t.test('a server of another kind is refused', async (t) => {
  await t.rejects(injectSocket(new Server() as never), { code: 'FST_WIRE_INJECT' })
})

t.test('messages sent when the socket opens are delivered before the await, if there is a listener', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.send('at once') })
  const order: string[] = []
  const client = await app.injectWS('/demo', {}, {
    onInit: (client) => { client.on('message', (data) => { order.push(String(data)) }) },
    onOpen: () => { order.push('open') }
  })
  order.push('injected')
  t.same(order, ['open', 'at once', 'injected'])
  client.terminate()
})

t.test('the headers of the handshake cannot be overridden', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket, { headers }) => { socket.send(`${headers.upgrade} ${headers.connection}`) })
  const client = await app.injectWS('/demo', { headers: { Upgrade: 'h2c', connection: 'keep-alive' } })
  t.equal(String((await once(client, 'message'))[0]), 'websocket Upgrade')
  client.terminate()
})

t.test('further properties of a context are set on the request, unless a request has them', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket, { raw, method }) => {
    socket.send(JSON.stringify([
      (raw as { user?: object }).user, method, raw.url, 'protocols' in raw
    ]))
  })
  const client = await app.injectWS('/demo', {
    user: { id: 7 }, method: 'POST', url: '/else', protocols: ['a']
  } as object)
  t.same(JSON.parse(String((await once(client, 'message'))[0])), [{ id: 7 }, 'GET', '/demo', false])
  const request = { socket: { context: { user: 7 } } } as unknown as IncomingMessage
  applyContext(request)
  t.notOk('user' in request, 'a connection of others has none')
  client.terminate()
})

t.test('a refusal has the URL, and the error of the answer as its cause', async (t) => {
  const app = await createApp(t)
  app.get('/resource', async () => 'plain')
  app.ws('/html', { onRequest: async (_request, reply) => reply.code(401).send('who?') }, () => {})
  app.ws('/odd', { onRequest: async (_request, reply) => reply.code(401).send({ odd: true }) }, () => {})
  const refused = (url: string): Promise<unknown> => app.injectWS(url).catch((error: unknown) => error)
  t.match(await refused('/nowhere'), {
    message: 'Unexpected server response: 404', url: '/nowhere', cause: { message: 'Route GET:/nowhere not found' }
  })
  t.match(await refused('/resource'), {
    url: '/resource', cause: { code: 'FST_WIRE_NO_SOCKET', message: /no WebSocket at "\/resource"/ }
  })
  for (const url of ['/html', '/odd']) t.match(await refused(url), { url, cause: undefined })
})

for (const secure of [false, true]) {
  t.test(`over HTTP/2${secure ? ' and TLS' : ''} a socket is injected into an application of HTTP/2`, async (t) => {
    const app = await createHttp2App(t, {}, { secure })
    app.ws('/demo', (socket, request) => {
      const { raw, ip, headers } = request
      socket.send(JSON.stringify([
        raw.httpVersion, raw.method, ip, headers['x-a'], headers[':authority'], socket.protocol,
        (raw as { user?: unknown }).user
      ]))
      socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
    })
    app.ws('/refused', { onRequest: async (_request, reply) => reply.code(401).send({ message: 'who?' }) }, () => {})
    let opened: unknown
    const context = {
      http2: true,
      remoteAddress: '192.0.2.7',
      headers: { 'X-A': '1', Host: 'example.com', Upgrade: 'no', 'x-none': undefined },
      protocols: ['a', 'b'],
      user: 7
    }
    const client = await app.injectWS('/demo', context, { onOpen: (client) => { opened = client } })
    t.equal(opened, client)
    t.same(JSON.parse(String((await once(client, 'message'))[0])), [
      '2.0', 'GET', '192.0.2.7', '1', 'example.com', 'a', 7
    ])
    client.send(Buffer.alloc(200_000, 'b'))
    t.equal((await once(client, 'message'))[0].length, 200_000)
    client.close(4000, 'bye')
    t.equal((await once(client, 'close'))[0], 4000)
    t.match(await app.injectWS('/refused', { http2: true }).catch((error: unknown) => error), {
      statusCode: 401, url: '/refused', cause: { message: 'who?' }
    })
  })
}

t.test('an end without a close is an end over HTTP/2 as well', async (t) => {
  const app = await createHttp2App(t)
  const closed = new Promise<number>((resolve) => { app.ws('/demo', (socket) => { socket.on('close', resolve) }) })
  // From Node.js 26 the reset of a stream overtakes the headers that were written in the same tick.
  app.ws('/cut', (socket) => { socket.on('message', () => { socket.terminate() }) })
  const messages: string[] = []
  const client = await app.injectWS('/demo', { http2: true }, {
    onInit: (client) => { client.on('message', (data) => { messages.push(String(data)) }) }
  })
  client.terminate()
  t.equal(await closed, 1006)
  const cut = await app.injectWS('/cut', { http2: true })
  cut.send('cut me')
  t.equal((await once(cut, 'close'))[0], 1006)
})

t.test('HTTP/2 is injected only with version 13 into HTTP/2, and a hook that throws rejects', async (t) => {
  const app = await createApp(t)
  await t.rejects(app.injectWS('/', { http2: true }), { code: 'FST_WIRE_INJECT' })
  const other = await createHttp2App(t)
  other.ws('/demo', () => {})
  await t.rejects(other.injectWS('/', { http2: true, version: '8' }), { code: 'FST_WIRE_INJECT' })
  await t.rejects(other.injectWS('/demo', { http2: true }, {
    onOpen: () => { throw new Error('a hook failed') }
  }), { message: 'a hook failed' })
})
