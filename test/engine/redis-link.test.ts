import t, { type Test } from 'tap'
import { ServerLink, type LinkEvents, type NodeRedisClient } from '../../lib/engine/redis-link.js'
import { timers } from '../../lib/timers.js'
import { FakeRedis, goodReply } from '../fixtures/fake-redis.js'
import { turn } from '../fixtures/memory.js'

/** Replaces the interval of the pings. @returns a function that begins the next interval */
function controlPings (t: Test): () => void {
  let ping = (): void => {}
  t.intercept(timers, 'setInterval', {
    value: (callback: () => void) => {
      ping = callback
      return { unref: () => undefined }
    }
  })
  return () => { ping() }
}

/** Opens a link over two fake connections, and collects the names of its events. */
async function openLink (t: Test) {
  const [commands, subscriber] = [new FakeRedis(goodReply), new FakeRedis(goodReply)]
  const seen: string[] = []
  const note = (name: keyof LinkEvents) => (): void => { seen.push(name) }
  const link = new ServerLink(commands as unknown as NodeRedisClient, subscriber as unknown as NodeRedisClient, 1_000)
  await link.open({
    connected: note('connected'),
    disconnected: note('disconnected'),
    ready: note('ready'),
    down: note('down'),
    restored: note('restored')
  })
  t.teardown(() => { link.close() })
  return { commands, subscriber, seen }
}

t.test('a connection that does not answer a ping is replaced, one that is reconnecting is not', async (t) => {
  const look = controlPings(t)
  const { commands, subscriber, seen } = await openLink(t)
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
})

t.test('an answer that came while this process was busy counts', async (t) => {
  const look = controlPings(t)
  const { commands } = await openLink(t)
  let answer = (): void => {}
  commands.ping = () => new Promise((resolve) => { answer = () => { resolve('PONG') } })
  look()
  await turn()
  look()
  answer()
  await turn()
  t.equal(commands.destroyed, 0)
})

t.test('a connection that was kept after an error is made anew', async (t) => {
  const { commands, subscriber, seen } = await openLink(t)
  subscriber.emit('error', new TypeError('a reply that nobody waits for'))
  await turn()
  t.equal(subscriber.destroyed, 1)
  t.equal(commands.destroyed, 0)
  t.strictSame(seen, ['connected', 'ready', 'down', 'ready'])
  subscriber.isReady = false
  subscriber.emit('error', new Error('lost'))
  t.equal(subscriber.destroyed, 1, 'the client connects again by itself')
  t.strictSame(seen.slice(4), ['down'])
})
