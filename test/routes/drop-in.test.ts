import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import { fastifyWire, type WireSocket } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { closeFrame, closeOf, frame, RawClient, text, upgradeHead } from '../fixtures/client.js'

t.test('one route serves a resource and its socket, and its hooks run once', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let hooked = 0
  // As @fastify/rate-limit does.
  app.addHook('onRoute', (route) => {
    route.onRequest = [route.onRequest ?? []].flat().concat((_request, _reply, done) => { hooked++; done() })
  })
  await app.register(fastifyWire)
  app.route({
    method: ['GET', 'HEAD'],
    url: '/demo',
    onRequest: async () => { hooked++ },
    handler: async (request) => ({ ws: request.ws }),
    wsHandler: function (socket, request) { socket.send(`${request.ws} ${this === app}`) }
  })
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  t.equal(await client.readText(), 'true true')
  t.equal(hooked, 2)
  t.same((await app.inject('/demo')).json(), { ws: false })
  t.equal(hooked, 4)
  t.equal((await app.inject({ method: 'HEAD', url: '/demo' })).statusCode, 200)
})

t.test('a route with only a socket answers other requests with 404, and is hidden from API descriptions', async (t) => {
  const app = await createApp(t)
  let hidden: unknown
  app.get('/demo', {
    websocket: true,
    schema: { querystring: { type: 'object' } },
    onRequest: [async (request) => { hidden = request.routeOptions.schema }]
  }, () => {})
  for (const method of ['GET', 'HEAD'] as const) {
    t.match(await app.inject({ method, url: '/demo' }), { statusCode: 404, payload: '' })
  }
  t.match(hidden, { hide: true, querystring: { type: 'object' } })
  t.equal((await app.inject({ method: 'POST', url: '/demo' })).statusCode, 404)
})

t.test('a route that cannot hold a socket throws when it is declared', async (t) => {
  const app = await createApp(t)
  t.throws(() => app.post('/demo', { websocket: true }, () => {}), { code: 'FST_WIRE_SOCKET_METHOD' })
  t.throws(() => app.route({
    method: 'GET', url: '/demo', handler: () => {}, wsHandler: 'no' as never
  }), { code: 'FST_WIRE_WS_HANDLER' })
  app.route({ method: 'HEAD', url: '/head', handler: (_request, reply) => { reply.send() }, wsHandler: () => {} })
  t.equal((await app.inject({ method: 'HEAD', url: '/head' })).statusCode, 200)
})

t.test('a bad handshake is refused before the hooks, a handshake without a Host is accepted', async (t) => {
  const app = await createApp(t)
  app.get('/demo', {
    websocket: true, preValidation: async () => { t.pass('once') }
  }, (socket) => { socket.send('in') })
  const port = await listen(app)
  t.plan(3)
  const bad = new RawClient(t, port)
  bad.write(upgradeHead('/demo', { 'Sec-WebSocket-Key': 'short' }))
  t.equal((await bad.readAnswer()).body.code, 'FST_WIRE_KEY')
  const hostless = new RawClient(t, port)
  await hostless.upgrade('/demo', { Host: undefined })
  t.equal(await hostless.readText(), 'in')
})

t.test('an upgrade to a resource that shadows a wildcard socket gets 404, another method 405', async (t) => {
  const app = await createApp(t)
  app.get('/*', { websocket: true }, (socket) => { socket.send('any') })
  app.get('/resource', async () => 'resource')
  const port = await listen(app)
  for (const [head, status] of [
    [upgradeHead('/resource'), 404], [upgradeHead('/', {}, 'POST / HTTP/1.1'), 405]
  ] as const) {
    const client = new RawClient(t, port)
    client.write(head)
    t.equal((await client.readAnswer()).status, status)
  }
  const client = new RawClient(t, port)
  await client.upgrade('/other')
  t.equal(await client.readText(), 'any')
})

t.test("the route '/' under a prefix matches with and without the slash", async (t) => {
  const app = await createApp(t)
  app.register(
    async (child) => { child.get('/', { websocket: true }, (socket) => { socket.send('in') }) }, { prefix: '/both' }
  )
  app.register(async (child) => {
    child.get('/', {
      websocket: true, prefixTrailingSlash: 'no-slash'
    }, (socket) => { socket.send('in') })
  }, { prefix: '/one' })
  const port = await listen(app)
  for (const [path, status] of [['/both', 101], ['/both/', 101], ['/one', 101], ['/one/', 404]] as const) {
    t.match(await new RawClient(t, port).upgrade(path), ` ${status} `, path)
  }
})

t.test('by default a handler that throws terminates the socket, a protocol error closes it by its code', async (t) => {
  const lines: string[] = []
  const app = await createApp(t, {}, {
    logger: { level: 'error', stream: { write (line: string) { lines.push(line) } } }
  })
  const codes: Array<Promise<number>> = []
  app.get('/throws', { websocket: true }, (socket) => {
    codes.push(closeOf(socket))
    throw new Error('of the handler')
  })
  app.get('/demo', { websocket: true }, (socket) => { codes.push(closeOf(socket)) })
  const port = await listen(app)
  const throwing = new RawClient(t, port)
  await throwing.upgrade('/throws')
  t.equal((await throwing.readEnd()).length, 0)
  const faulty = new RawClient(t, port)
  await faulty.upgrade()
  faulty.write(frame(3))
  t.equal((await faulty.readFrame()).payload.readUInt16BE(), 1002)
  faulty.socket.end()
  t.same(await Promise.all(codes), [1006, 1006])
  t.match(lines.join(''), /of the handler[^]*reserved opcode/)
})

t.test('the errorHandler of the plugin also receives protocol errors, with the codes of ws', async (t) => {
  const app = await createApp(t, {})
  const own = Fastify()
  t.teardown(() => own.close())
  const errors = new Promise<unknown[]>((resolve) => {
    own.register(fastifyWire, {
      options: { maxPayload: 4 },
      errorHandler: function (error, socket, request, reply) {
        resolve([
          this === own, error, socket.readyState, request.ws, reply.request === request
        ])
      }
    })
  })
  let heard: unknown
  own.get(
    '/demo', { websocket: true },
    (socket) => { socket.on('error', (error) => { heard = (error as { code?: string }).code }) }
  )
  const client = new RawClient(t, await listen(own))
  await client.upgrade()
  client.write(text('too long'))
  t.match(await errors, [true, { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }, 2, true, true])
  t.equal(heard, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
  t.equal((await client.readFrame()).payload.readUInt16BE(), 1009)
  t.ok(app)
})

t.test('app.hasPlugin() finds the plugin by the name @fastify/websocket', async (t) => {
  const app = await createApp(t)
  app.register(fp(async () => {}, { name: 'theirs', dependencies: ['@fastify/websocket'] }))
  await app.ready()
  t.ok(app.hasPlugin('@fastify/websocket'))
  t.ok(app.hasPlugin('fastify-wire'))
})

t.test('a preClose of the application replaces the default one; either way no more sockets open', async (t) => {
  const app = await createApp(t, {
    preClose: async function (this: typeof app) {
      for (const socket of this.websocketServer.clients) socket.close(1001, 'in our own way')
    } as never
  })
  app.get('/demo', { websocket: true }, () => {})
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  const closing = app.close()
  const { payload } = await client.readFrame()
  t.equal(payload.toString('utf8', 2), 'in our own way')
  client.write(closeFrame(1001))
  await closing
})

t.test('invalid plugin options are refused with the messages of @fastify/websocket', async (t) => {
  const refused = async (options: object): Promise<unknown> => await Fastify().register(fastifyWire, options).then(
    () => undefined, (error) => error
  )
  t.match(await refused({ errorHandler: {} }), {
    code: 'FST_WIRE_ERROR_HANDLER', message: 'invalid errorHandler function'
  })
  t.match(await refused({ preClose: 1 }), { code: 'FST_WIRE_PRE_CLOSE', message: 'invalid preClose function' })
  t.match(await refused({ options: { noServer: true } }), { code: 'FST_WIRE_NO_SERVER' })
})

t.test('upgrades of another server are answered, and ignored after the close', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const app = await createApp(t, { options: { server, path: '/demo' } })
  app.get('/demo', { websocket: true }, (socket) => { socket.send('in') })
  await app.ready()
  const client = new RawClient(t, (server.address() as AddressInfo).port)
  await client.upgrade()
  t.equal(await client.readText(), 'in')
  client.socket.destroy()
  await app.close()
  t.equal(server.listenerCount('upgrade'), 0)
})

t.test('sockets open at the URL that rewriteUrl returns, also beside another upgrade listener', async (t) => {
  const times: number[] = []
  const app = await createApp(t, {}, { rewriteUrl: (request) => (request.url as string).replace(/^\/api/, '') })
  app.get('/theirs', { websocket: true } as object, ((socket: WireSocket) => { socket.send('theirs') }) as never)
  app.ws('/ours', (socket) => { socket.send('ours') })
  app.ws('/hangs', { handshakeTimeout: 50, onRequest: () => new Promise<void>(() => {}) }, () => { times.push(1) })
  const port = await listen(app)
  for (const others of [[], [() => {}]]) {
    for (const listener of others) app.server.on('upgrade', listener)
    for (const [path, answer] of [
      ['/theirs', 'theirs'], ['/api/theirs', 'theirs'], ['/ours', 'ours'], ['/api/ours', 'ours']
    ] as const) {
      const client = new RawClient(t, port)
      t.match(await client.upgrade(path), ' 101 ', path)
      t.equal(await client.readText(), answer)
    }
    t.match(await new RawClient(t, port).upgrade('/api/hangs'), ' 503 ')
  }
  t.same(times, [])
})

t.test('a drop-in route may have socket options, also if it is declared early', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const ofItsOwn = { maxPayload: 5, origin: 'same-origin', maxConnections: 1, handshakeTimeout: 5_000 }
  const schema = {
    message: { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } },
    send: { type: 'object', properties: { b: { type: 'string' } } }
  }
  const declare = (name: string): void => {
    app.get(
      `/limits-${name}`, { websocket: true, ...ofItsOwn } as object,
      ((socket: WireSocket) => { socket.send('in') }) as never
    )
    app.route({
      method: 'GET',
      url: `/values-${name}`,
      schema,
      handler: async () => 'resource',
      wsHandler: (socket: WireSocket) => {
        socket.on(
          'message', (value) => { socket.send({ b: (value as unknown as { a: number }).a, c: 1 } as never) }
        )
      }
    } as never)
  }
  app.register(fastifyWire, { closeTimeout: 100 })
  declare('early')
  app.after(() => { declare('late') })
  const port = await listen(app)
  for (const name of ['early', 'late']) {
    t.match(await new RawClient(t, port).upgrade(`/limits-${name}`, { Origin: 'https://evil.example' }), ' 403 ')
    const limited = new RawClient(t, port)
    t.match(await limited.upgrade(`/limits-${name}`), ' 101 ')
    t.equal(await limited.readText(), 'in')
    t.match(await new RawClient(t, port).upgrade(`/limits-${name}`), ' 503 ')
    limited.write(text('longer'))
    t.equal((await limited.readFrame()).payload.readUInt16BE(), 1009)

    const typed = new RawClient(t, port)
    await typed.upgrade(`/values-${name}`)
    typed.write(text('{"a":7}'))
    t.equal(await typed.readText(), '{"b":"7"}')
    typed.write(text('{}'))
    t.equal((await typed.readFrame()).payload.readUInt16BE(), 1008)
    t.equal((await app.inject(`/values-${name}`)).payload, 'resource')
    t.equal((await app.inject({ method: 'HEAD', url: `/values-${name}` })).statusCode, 200)
  }
  t.same(Object.keys(schema), ['message', 'send'])
})

t.test('socket options of a drop-in route are validated, its errorHandler handles its requests', async (t) => {
  const app = await createApp(t)
  t.throws(
    () => app.get('/demo', { websocket: true, maxPayload: '5' } as object, () => {}), { code: 'FST_WIRE_OPTION' }
  )
  t.throws(() => app.get('/demo', { websocket: true, onInvalid: 'reply' } as object, () => {}), {
    code: 'FST_WIRE_ROUTE_OPTION'
  })
  app.get('/hooked', {
    websocket: true,
    errorHandler: (_error, _request, reply) => { reply.code(418).send('mine') },
    onRequest: async () => { throw new Error('no') }
  }, () => {})
  t.match(await new RawClient(t, await listen(app)).upgrade('/hooked'), ' 418 ')
})

t.test('a misspelt option of a drop-in route is logged, and an option of another plugin is not', async (t) => {
  const lines: Array<{ level: number, msg: string }> = []
  const stream = { write (line: string) { lines.push(JSON.parse(line) as typeof lines[number]) } }
  const app = await createApp(t, {}, { logger: { level: 'warn', stream } })
  app.get('/demo', { websocket: true, ...{ maxPayloads: 5, own: true } }, (socket) => { socket.send('open') })
  t.match(lines, [{
    level: 40,
    route: '/demo',
    msg: 'a socket route has no option "maxPayloads", it is ignored: did you mean "maxPayload"?'
  }])
  t.equal(lines.length, 1)
})
