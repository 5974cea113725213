import t from 'tap'
import { redisEngine } from '../../lib/engine/redis.js'
import { redisProgram, startRedis } from '../fixtures/redis-server.js'
import { engineFaults } from './faults.js'

if (redisProgram === null && process.env.CI !== 'true') {
  t.plan(0, 'redis-server is not installed: apt-get install redis-server')
  process.exit()
}

t.test('Redis under faults', async (t) => {
  engineFaults((name, body) => t.test(name, body), {
    start: (persists) => startRedis({ persists }), engine: (url) => redisEngine({ url })
  })
})
