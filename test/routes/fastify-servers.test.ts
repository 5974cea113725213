import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import { contextsOf, requestLogging, secondaryServers } from '../../lib/routes/fastify-servers.js'
import { giveLocalhostTwoAddresses } from '../fixtures/localhost.js'

t.test('secondaryServers() finds all other listening servers, also from an instance inside a plugin', async (t) => {
  giveLocalhostTwoAddresses(t)
  const app = Fastify()
  t.teardown(() => app.close())
  let inner: FastifyInstance | undefined
  app.register(async (instance) => { inner = instance })
  await app.ready()
  t.same(secondaryServers(app), [])
  await app.listen({ port: 0 })
  const { port } = app.server.address() as AddressInfo
  const [server, ...others] = secondaryServers(inner as FastifyInstance) as Array<{ address (): AddressInfo }>
  t.match(server?.address(), { address: /^127\.0\.0\.[12]$/, port })
  t.same(others, [])
})

t.test('secondaryServers() and contextsOf() return nothing if Fastify has no such slot', async (t) => {
  t.same(secondaryServers({} as FastifyInstance), [])
  t.same(contextsOf({} as FastifyInstance), [])
})

t.test('contextsOf() finds all contexts of an application from any of them', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const contexts: FastifyInstance[] = []
  app.register(async (outer) => {
    contexts.push(outer)
    outer.register(async (inner) => { contexts.push(inner) })
  })
  app.register(async (other) => { contexts.push(other) })
  await app.ready()
  for (const from of [app, ...contexts]) {
    t.strictSame(contextsOf(from).map((context) => contexts.indexOf(context)), [0, 1, 2])
  }
})

t.test('request logging is detected by the log controller or the option', async (t) => {
  const request = { url: '/quiet' } as FastifyRequest
  const isQuiet = ({ url }: FastifyRequest): boolean => url === '/quiet'
  t.equal(requestLogging(Fastify())(request), true)
  for (const [disableRequestLogging, logs] of [
    [undefined, true], [false, true], [true, false], [isQuiet, false]
  ] as const) {
    t.equal(requestLogging({ initialConfig: { disableRequestLogging } } as unknown as FastifyInstance)(request), logs)
    t.equal(requestLogging(Fastify({ disableRequestLogging } as object))(request), logs)
  }
})
