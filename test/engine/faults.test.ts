import t from 'tap'
import { runFault } from '../../bench/faults/harness.js'
import { redisProgram, startRedis } from '../fixtures/redis-server.js'

if (redisProgram === null && process.env.CI !== 'true') {
  t.plan(0, 'redis-server is not installed: apt-get install redis-server')
  process.exit()
}

t.test('processes whose engine is killed, and which are killed themselves, lose and double nothing', async (t) => {
  const { lost, doubled, outOfOrder, missing } = await runFault({
    kind: 'redis',
    start: () => startRedis({ persists: true }),
    messages: 500,
    listeners: 2,
    fault: async ({ engine, proxy, replace, more }) => {
      await engine.kill()
      await engine.start()
      await more(50)
      proxy.dropAll()
      await more(50)
      await replace(1)
      await more(50)
    }
  })
  t.strictSame({ lost, doubled, outOfOrder, missing }, { lost: 0, doubled: 0, outOfOrder: 0, missing: 0 })
})
