import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { fastifyWire } from '../../index.js'
import { isWatched, takeEarlyRoutes } from '../../lib/routes/early-routes.js'
import { listen } from '../fixtures/app.js'
import { RawClient } from '../fixtures/client.js'

function createApp (t: Test): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  return app
}

t.test('routes declared after a registration that is not awaited open sockets with all their options', async (t) => {
  const app = createApp(t)
  app.register(fastifyWire)
  app.get('/short', {
    websocket: true,
    schema: { querystring: { type: 'object', properties: { n: { type: 'integer' } } } },
    preHandler: async (request) => { request.headers['x-hooked'] = 'yes' }
  }, function (socket, request) {
    socket.send(JSON.stringify([
      this === app, request.query, request.headers['x-hooked'], request.routeOptions.schema
    ]))
  })
  app.route({
    method: 'GET', url: '/full', handler: async () => 'resource', wsHandler: (socket) => { socket.send('full') }
  })
  app.get('/plain', async () => 'plain')
  const port = await listen(app)
  const short = new RawClient(t, port)
  await short.upgrade('/short?n=7')
  t.match(JSON.parse(await short.readText()), [true, { n: 7 }, 'yes', { hide: true }])
  const full = new RawClient(t, port)
  await full.upgrade('/full')
  t.equal(await full.readText(), 'full')
  t.equal((await app.inject('/full')).payload, 'resource')
  t.equal((await app.inject('/plain')).payload, 'plain')
  for (const method of ['GET', 'HEAD'] as const) t.equal((await app.inject({ method, url: '/short' })).statusCode, 404)
  t.match(await new RawClient(t, port).upgrade('/plain'), ' 404 ')
})

t.test('a context takes over only its own early routes', async (t) => {
  const app = createApp(t)
  app.get('/outside', { websocket: true } as object, async () => 'outside')
  app.register(async (child) => {
    child.register(fastifyWire)
    child.get('/inside', { websocket: true }, (socket) => { socket.send('inside') })
    child.register(async (grandchild) => {
      grandchild.get(
        '/deep', { websocket: true }, (socket) => { socket.send('deep') }
      )
    })
  })
  const port = await listen(app)
  for (const name of ['inside', 'deep']) {
    const client = new RawClient(t, port)
    await client.upgrade(`/${name}`)
    t.equal(await client.readText(), name)
  }
  t.equal((await app.inject('/outside')).payload, 'outside')
  t.match(await new RawClient(t, port).upgrade('/outside'), ' 404 ')
})

t.test('a route that cannot hold a socket fails the registration', async (t) => {
  const app = createApp(t)
  app.register(fastifyWire)
  app.post('/demo', { websocket: true }, () => {})
  await t.rejects(async () => { await app.ready() }, { code: 'FST_WIRE_SOCKET_METHOD' })
})

t.test('routes of an application that loads @fastify/websocket are left to that plugin', async (t) => {
  const app = createApp(t)
  await app.register(createRequire(import.meta.url)('@fastify/websocket'))
  app.get('/demo', { websocket: true }, (socket) => { socket.send('theirs') })
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  t.equal(await client.readText(), 'theirs')
  t.same(takeEarlyRoutes(app), [])
})

t.test('an application made before this module was loaded is not watched', async (t) => {
  t.ok(isWatched(createApp(t)))
  const unwatched = { server: {} } as FastifyInstance
  t.notOk(isWatched(unwatched))
  t.same(takeEarlyRoutes(unwatched), [])
})
