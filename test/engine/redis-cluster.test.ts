import { createCluster } from '@redis/client'
import t from 'tap'
import { redisEngine } from '../../lib/engine/redis.js'
import { redisProgram, startRedisCluster } from '../fixtures/redis-server.js'
import { engineContract } from './contract.js'
import { Recorder, publication, texts } from './recorder.js'

if (redisProgram === null && process.env.CI !== 'true') {
  t.plan(0, 'redis-server is not installed: apt-get install redis-server')
  process.exit()
}

t.test('a cluster passes the engine contract', async (t) => {
  const nodes = await startRedisCluster()
  t.teardown(() => Promise.all(nodes.map((node) => node.stop())))
  engineContract((name, body) => t.test(name, body), {
    engine: () => redisEngine({ url: nodes.map(({ url }) => url) })
  })
})

t.test('a given cluster client is used', async (t) => {
  const nodes = await startRedisCluster()
  t.teardown(() => Promise.all(nodes.map((node) => node.stop())))
  const cluster = createCluster({ rootNodes: [{ url: nodes[0]!.url }] })
  const engine = redisEngine({ client: cluster })
  const events = new Recorder()
  t.teardown(() => engine.close())
  await engine.open(events)
  const topics = Array.from({ length: 20 }, (_, i) => `cluster ${i}`)
  for (const topic of topics) await engine.subscribe(topic)
  for (const topic of topics) await engine.publish(topic, publication(topic), { size: 100, ttl: 60_000 })
  for (const topic of topics) t.strictSame(texts(await events.messages(topic, 1)), [topic])
})
