import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import t, { type Test } from 'tap'
import { fastifyWire, type WireOptions } from '../../index.js'

const create = (t: Test): FastifyInstance => {
  const app = Fastify()
  t.teardown(() => app.close())
  return app
}

// Without its types, which would merge into those of Fastify beside ours.
const another = createRequire(import.meta.url)('@fastify/websocket') as FastifyPluginCallback
const register = async (app: FastifyInstance, options: WireOptions = {}): Promise<void> => {
  await app.register(
    fastifyWire, options
  )
}

t.test('registering fails if app.ws is taken, and names the option that renames it', async (t) => {
  const app = create(t)
  app.decorate('ws', (() => 'theirs') as unknown as FastifyInstance['ws'])
  await t.rejects(register(app), {
    code: 'FST_WIRE_DECORATOR', message: /^app\.ws is already used.*decorator: 'socket'/
  })
})

t.test('the option decorator renames app.ws', async (t) => {
  const app = create(t) as FastifyInstance & { socket: FastifyInstance['ws'] }
  app.decorate('ws', (() => 'theirs') as unknown as FastifyInstance['ws'])
  await register(app, { decorator: 'socket' })
  t.equal(app.socket('/demo', (socket) => { socket.close(4000) }), app)
  t.equal((app.ws as unknown as () => string)(), 'theirs')
  const client = await app.injectWS('/demo')
  t.equal(await new Promise((resolve) => { client.on('close', resolve) }), 4000)
})

t.test('a request.ws of the application stays if the option decorator is given', async (t) => {
  const app = create(t)
  app.decorateRequest('ws', true)
  await t.rejects(register(app), { code: 'FST_WIRE_DECORATOR', message: /^request\.ws is already used/ })
  const other = create(t)
  other.decorateRequest('ws', true)
  await register(other, { decorator: 'socket' })
  other.get('/', async (request) => request.ws)
  t.equal((await other.inject('/')).body, 'true')
})

t.test('the option decorator must be a free name', async (t) => {
  await t.rejects(register(create(t), { decorator: 'get' }), {
    code: 'FST_WIRE_DECORATOR', message: /^app\.get is already used/
  })
  for (const decorator of ['', 5]) {
    await t.rejects(register(create(t), { decorator } as WireOptions), {
      code: 'FST_WIRE_OPTION', message: /"decorator"/
    })
  }
})

t.test('decorating app.ws after the plugin fails, and names the option that renames it', async (t) => {
  const app = create(t)
  await register(app)
  t.throws(() => app.decorate('ws', app.ws), {
    code: 'FST_WIRE_DECORATOR', cause: { code: 'FST_ERR_DEC_ALREADY_PRESENT' }
  })
})

t.test('other decorators fail as usual', async (t) => {
  const app = create(t)
  await register(app)
  app.decorate('mine', 1)
  t.throws(() => app.decorate('mine', 2), { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
  t.throws(() => app.decorate('other', 2, ['missing']), { code: 'FST_ERR_DEC_MISSING_DEPENDENCY' })
})

t.test('a second registration in the same or an inner context fails with an error that names the fix', async (t) => {
  const app = create(t)
  await register(app)
  await t.rejects(register(app), { code: 'FST_WIRE_REGISTERED' })
})

t.test('@fastify/websocket in the same application is refused', async (t) => {
  const beside = { code: 'FST_WIRE_BESIDE', message: /remove it/ }

  t.test('before the plugin', async (t) => {
    const app = create(t)
    await app.register(another)
    await t.rejects(register(app), beside)
  })

  t.test('after the plugin', async (t) => {
    const app = create(t)
    await register(app)
    // Called directly, because an error thrown outside of its callback would end the process.
    t.throws(() => { another(app, {}, () => {}) }, beside)
    for (const name of ['websocketServer', 'injectWS'] as const) t.throws(() => app.decorate(name, {} as never), beside)
  })

  t.test('in another context, before and after', async (t) => {
    for (const [first, second] of [[another, fastifyWire], [fastifyWire, another]] as const) {
      const app = create(t)
      app.register(async (scope) => { await scope.register(first as typeof fastifyWire) })
      app.register(async (scope) => {
        scope.register(async (inner) => { await inner.register(second as typeof fastifyWire) })
      })
      await t.rejects(async () => { await app.ready() }, beside)
    }
  })

  t.test('within the context of the plugin', async (t) => {
    const app = create(t)
    await register(app)
    app.register(async (scope) => { await scope.register(another) })
    await t.rejects(async () => { await app.ready() }, beside)
  })
})

t.test('registrations in sibling contexts do not conflict', async (t) => {
  const app = create(t)
  for (let i = 0; i < 2; i++) app.register(async (scope) => { await scope.register(fastifyWire) })
  await app.ready()
})
