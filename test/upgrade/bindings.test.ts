import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { secondaryServers } from '../../lib/upgrade/bindings.js'
import { giveLocalhostTwoAddresses } from '../fixtures/localhost.js'

t.test('the servers that listen beside that of the application are found, by an instance of a plugin too', async (t) => {
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

t.test('where Fastify has no such slot, there are none', async (t) => {
  t.same(secondaryServers({} as FastifyInstance), [])
})
