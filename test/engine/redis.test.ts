import t from 'tap'
import { redisEngine } from '../../lib/engine/redis.js'
import { redisProgram, startRedis } from '../fixtures/redis-server.js'
import { engineContract } from './contract.js'
import { engineFaults } from './faults.js'

if (redisProgram === null && process.env.CI !== 'true') {
  t.plan(0, 'redis-server is not installed: apt-get install redis-server')
  process.exit()
}

const server = await startRedis()
t.teardown(() => server.stop())

t.test('the Redis engine keeps the contract', async (t) => {
  engineContract((name, body) => t.test(name, body), {
    engine: () => redisEngine({ url: server.url }),
    unreachable: () => redisEngine({ url: 'redis://127.0.0.1:1', publishTimeout: 200 })
  })
})

t.test('Redis under faults', async (t) => {
  engineFaults((name, body) => t.test(name, body), { start: (persists) => startRedis({ persists }), engine: (url) => redisEngine({ url }) })
})
