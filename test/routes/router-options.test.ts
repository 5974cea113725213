import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { routerOptionsOf } from '../../lib/routes/router-options.js'

t.test('options of the router are found in routerOptions, and beside it', async (t) => {
  t.match(routerOptionsOf(Fastify({ routerOptions: { ignoreTrailingSlash: true } })), { ignoreTrailingSlash: true })
  t.match(routerOptionsOf(Fastify({ caseSensitive: false })), { caseSensitive: false, ignoreTrailingSlash: false })
})

t.test('an instance without private options has those of its initialConfig', async (t) => {
  const instance = { initialConfig: { caseSensitive: false } } as FastifyInstance
  t.same(routerOptionsOf(instance), { caseSensitive: false })
})
