import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { boundHeads } from '../../lib/upgrade/head-timeout.js'
import { RawClient } from '../fixtures/client.js'

const bounded = (timeout: number, options: { headersTimeout?: number, connectionsCheckingInterval?: number } = {}) => {
  const server = createServer(options) as ReturnType<typeof createServer> & { connectionsCheckingInterval: number }
  boundHeads(server, timeout)
  return [server.headersTimeout, server.connectionsCheckingInterval]
}

t.test('the head timeout is set unless the application has changed the values of Node', async (t) => {
  t.same(bounded(10_000), [10_000, 2_500])
  t.same(bounded(10_000, { connectionsCheckingInterval: 1_000 }), [10_000, 1_000])
  t.same(bounded(10_000, { headersTimeout: 20_000 }), [20_000, 30_000])
  t.same(bounded(10_000, { headersTimeout: 5_000 }), [5_000, 30_000])
  t.same(bounded(10_000, { headersTimeout: 0 }), [0, 30_000])
  t.same(bounded(120_000), [60_000, 30_000], 'never longer')
  t.same(bounded(59_999), [59_999, 15_000])
})

t.test('Node applies both timeouts when the server begins to listen', async (t) => {
  const server = createServer()
  boundHeads(server, 100)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new RawClient(t, (server.address() as AddressInfo).port)
  const before = performance.now()
  t.match((await client.readEnd()).toString(), /^HTTP\/1\.1 408 /)
  t.ok(performance.now() - before < 29_000, 'Node checks every 30 s otherwise')
  server.close()
})
