import { EventEmitter } from 'node:events'
import t from 'tap'
import { ClusterLink, type NodeRedisCluster } from '../../lib/engine/redis-cluster-link.js'
import type { LinkEvents } from '../../lib/engine/redis-link.js'

/** A cluster client that reports what it is told to. */
class FakeCluster extends EventEmitter {
  failures = 0
  async connect (): Promise<void> {
    if (this.failures-- > 0) throw new Error('unreachable')
  }

  destroy (): void {}
}

const node = (port: number): { host: string, port: number } => ({ host: 'a', port })

async function open (failures = 0): Promise<{ cluster: FakeCluster, link: ClusterLink, seen: string[] }> {
  const cluster = new FakeCluster()
  cluster.failures = failures
  const seen: string[] = []
  const events = Object.fromEntries(
    [
      'connected', 'disconnected', 'ready', 'down', 'restored'
    ].map((name) => [name, () => { seen.push(name) }])) as unknown as LinkEvents
  const link = new ClusterLink(cluster as unknown as NodeRedisCluster)
  await link.open(events)
  return { cluster, link, seen }
}

t.test('a cluster is down while any of its nodes is down', async (t) => {
  const { cluster, link, seen } = await open()
  cluster.emit('error', new Error('of no node'))
  cluster.emit('node-error', new Error(), node(1))
  cluster.emit('node-error', new Error(), node(2))
  cluster.emit('node-ready', node(1))
  cluster.emit('node-disconnect', node(2))
  t.strictSame(seen, ['connected', 'ready', 'down', 'down', 'ready'])
  link.close()
})

t.test('a connection that is replaced is reported as restored, an additional one is not', async (t) => {
  const { cluster, link, seen } = await open()
  cluster.emit('node-ready', node(1))
  cluster.emit('node-error', new Error(), node(1))
  cluster.emit('node-ready', node(1))
  cluster.emit('node-ready', node(1))
  cluster.emit('node-ready', node(2))
  t.strictSame(seen, ['connected', 'ready', 'down', 'ready', 'restored'])
  link.close()
})

t.test('an unreachable cluster is tried again', async (t) => {
  const { link, seen, cluster } = await open(1)
  t.strictSame(seen, ['down'])
  while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 50))
  t.strictSame(seen, ['down', 'connected', 'ready'])
  t.equal(link.isConnected, true)
  cluster.failures = 0
  link.close()
})
