import t from 'tap'
import { ServerLink, type LinkEvents, type NodeRedisClient } from '../../lib/engine/redis-link.js'
import { timers } from '../../lib/timers.js'
import { FakeRedis, goodReply } from '../fixtures/fake-redis.js'
import { turn } from '../fixtures/memory.js'

t.test('a connection that does not answer a ping is replaced, one that is reconnecting is not', async (t) => {
  let look = (): void => {}
  t.intercept(timers, 'setInterval', {
    value: (callback: () => void) => {
      look = callback
      return { unref: () => undefined }
    }
  })
  const [commands, subscriber] = [new FakeRedis(goodReply), new FakeRedis(goodReply)]
  const seen: string[] = []
  const events = Object.fromEntries(
    [
      'connected', 'disconnected', 'ready', 'down', 'restored'
    ].map((name) => [name, () => { seen.push(name) }])) as unknown as LinkEvents
  const link = new ServerLink(commands as unknown as NodeRedisClient, subscriber as unknown as NodeRedisClient, 1_000)
  await link.open(events)
  commands.isSilent = true
  look()
  await turn()
  commands.isReady = false
  look()
  await turn()
  commands.isReady = true
  look()
  await turn()
  t.equal(commands.destroyed, 0, 'the ping of before it was away is not waited for')
  t.strictSame(seen, ['connected', 'ready'])
  look()
  await turn()
  t.equal(commands.destroyed, 1)
  t.equal(subscriber.destroyed, 0)
  t.strictSame(seen.slice(2, 4), ['disconnected', 'down'])
  link.close()
})
