import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { readSlot } from '../../lib/routes/fastify-slots.js'

t.test('a slot of the application is found, also from an instance inside a plugin', async (t) => {
  const app = Fastify({ maxParamLength: 7 })
  t.teardown(() => app.close())
  let inner: FastifyInstance | undefined
  app.register(async (instance) => { inner = instance })
  await app.ready()
  for (const instance of [app, inner]) {
    t.match(readSlot(instance as FastifyInstance, 'fastify.options'), { maxParamLength: 7 })
  }
})

t.test('a slot that Fastify does not have is undefined', async (t) => {
  t.equal(readSlot(Fastify(), 'fastify.nothing'), undefined)
  t.equal(readSlot({} as FastifyInstance, 'fastify.options'), undefined)
})
