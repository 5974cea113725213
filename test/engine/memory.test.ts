import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { memoryEngine } from '../../lib/engine/memory.js'
import { timers } from '../../lib/timers.js'
import { engineContract } from './contract.js'
import { Recorder, publication, texts } from './recorder.js'
import type { Engine } from '../../lib/engine/engine.js'

const KEEP = { size: 100, ttl: 60_000 }

async function open (t: Test, engine: Engine): Promise<Recorder> {
  const events = new Recorder()
  await engine.open(events)
  t.teardown(() => engine.close())
  return events
}

t.test('the memory engine passes the engine contract', async (t) => {
  engineContract((name, body) => t.test(name, body), { engine: () => memoryEngine(), isShared: false })
})

t.test('a message that a listener publishes is delivered after the current one', async (t) => {
  const engine = memoryEngine()
  const order: string[] = []
  await engine.open({
    state () {},
    joined () {},
    left () {},
    message (topic, { data }) {
      order.push(`begin ${data}`)
      if (String(data) === 'a') engine.publish(topic, publication('b'), KEEP).catch(() => {})
      order.push(`end ${data}`)
    }
  })
  t.teardown(() => engine.close())
  await engine.subscribe('t')
  const publishing = engine.publish('t', publication('a'), KEEP)
  t.strictSame(order, ['begin a', 'end a', 'begin b', 'end b'])
  await publishing
})

t.test('the memory engine can be closed while it delivers', async (t) => {
  const engine = memoryEngine()
  let delivered = 0
  await engine.open({
    state () {},
    joined () {},
    left () {},
    message (topic) {
      delivered++
      engine.publish(topic, publication('next'), KEEP).catch(() => {})
      engine.close().catch(() => {})
    }
  })
  await engine.subscribe('t')
  await engine.publish('t', publication('a'), KEEP)
  t.equal(delivered, 1)
})

t.test('a listener that throws does not keep later messages from being delivered', async (t) => {
  const engine = memoryEngine()
  const delivered: string[] = []
  await engine.open({
    state () {},
    joined () {},
    left () {},
    message (_topic, { data }) {
      delivered.push(String(data))
      if (delivered.length === 1) throw new Error('of the listener')
    }
  })
  t.teardown(() => engine.close())
  await engine.subscribe('t')
  t.throws(() => engine.publish('t', publication('a'), KEEP), { message: 'of the listener' })
  await engine.publish('t', publication('b'), KEEP)
  t.same(delivered, ['a', 'b'])
})

t.test('histories are bounded by maxBytes: the least recently used topics lose theirs first', async (t) => {
  const engine = memoryEngine({ maxBytes: 20_000 })
  await open(t, engine)
  const page = async (topic: string, after?: string) => await engine.read(topic, after, 1000)
  await engine.subscribe('followed')
  const { cursor } = await engine.publish('followed', publication('x'.repeat(1000)), KEEP)
  const old = await engine.publish('old', publication('x'.repeat(1000)), KEEP)
  await engine.publish('old', publication('x'.repeat(1000)), KEEP)
  for (let i = 0; i < 100; i++) await engine.publish('busy', publication('x'.repeat(1000)), KEEP)
  t.equal((await page('old')).messages.length, 0)
  t.equal((await page('old', old.cursor)).isGap, true, 'a reader behind the eviction')
  const busy = (await page('busy')).messages.length
  t.ok(busy >= 10 && busy <= 20_000 / 1256, `${busy}`)
  t.match(await page('followed', cursor), { isGap: false, head: cursor })
  t.equal((await page('followed')).messages.length, 1, 'topics that somebody follows come last')
  for (let i = 0; i < 100; i++) await engine.publish('followed', publication('x'.repeat(1000)), KEEP)
  const followed = (await page('followed')).messages.length
  t.ok(followed >= 10 && followed <= 20_000 / 1256, `${followed}`)
})

t.test('at most maxTopics topics without subscribers are remembered', async (t) => {
  const engine = memoryEngine({ maxTopics: 3 })
  const events = await open(t, engine)
  const start = await engine.subscribe('followed')
  for (const topic of ['a', 'b', 'c']) await engine.publish(topic, publication(topic), KEEP)
  const { cursor } = await engine.publish('a', publication('again'), KEEP)
  await engine.publish('d', publication('d'), KEEP)
  t.match(await engine.read('b', undefined, 10), { messages: [], head: '' })
  t.match(await engine.read('a', cursor, 10), { head: cursor, isGap: false })
  await engine.publish('followed', publication('f'), KEEP)
  t.equal((await events.messages('followed', 1))[0]!.prev, start)
  await engine.unsubscribe('followed')
  t.equal((await engine.read('c', undefined, 10)).head, '', 'a topic that nobody follows any more counts again')
  t.strictSame(texts((await engine.read('followed', undefined, 10)).messages), ['f'])
})

t.test('a topic that was forgotten never reuses a cursor', async (t) => {
  const engine = memoryEngine({ maxTopics: 1 })
  await open(t, engine)
  const first = await engine.publish('a', publication('1'), KEEP)
  await engine.publish('b', publication('1'), KEEP)
  const second = await engine.publish('a', publication('2'), KEEP)
  t.not(first.cursor, second.cursor)
  t.equal((await engine.read('a', first.cursor, 10)).isGap, true)
})

t.test('a cursor of a process before its restart is a gap', async (t) => {
  const [before, after] = [memoryEngine(), memoryEngine()]
  await open(t, before)
  await open(t, after)
  const { cursor } = await before.publish('a', publication('1'), KEEP)
  await after.publish('a', publication('1'), KEEP)
  t.equal((await after.read('a', cursor, 10)).isGap, true)
  t.equal((await after.read('b', cursor, 10)).isGap, true)
})

t.test('ids are forgotten after at most 20,000 others', async (t) => {
  const engine = memoryEngine()
  const events = await open(t, engine)
  await engine.subscribe('a')
  const once = publication('once')
  const publish = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await engine.publish('other', publication('x'), { size: 0, ttl: 0 })
  }
  const { cursor } = await engine.publish('a', once, KEEP)
  await publish(10_000)
  t.equal((await engine.publish('a', once, KEEP)).cursor, cursor)
  await publish(10_000)
  t.not((await engine.publish('a', once, KEEP)).cursor, cursor)
  t.equal((await events.messages('a', 2)).length, 2)
})

t.test('expired histories are removed by a timer, which ends with the last of them', async (t) => {
  mock.timers.enable({ apis: ['Date'] })
  t.teardown(() => mock.timers.reset())
  const sweeps = new Set<() => void>()
  t.intercept(timers, 'setInterval', {
    value: (sweep: () => void) => {
      sweeps.add(sweep)
      return { unref: () => sweep }
    }
  })
  t.intercept(timers, 'clearInterval', { value: (sweep: () => void) => { sweeps.delete(sweep) } })
  const engine = memoryEngine({ maxBytes: 5_000 })
  await open(t, engine)
  await engine.publish('long', publication('x'.repeat(1_000)), { size: 10, ttl: 40_000 })
  await engine.publish('brief', publication('x'.repeat(2_000)), { size: 10, ttl: 15_000 })
  t.equal(sweeps.size, 1, 'one timer for all')
  mock.timers.tick(20_000)
  for (const sweep of sweeps) sweep()
  t.equal(sweeps.size, 1)
  await engine.publish('another', publication('x'.repeat(2_000)), { size: 10, ttl: 10_000 })
  t.equal((await engine.read('long', undefined, 10)).messages.length, 1, 'there was room again')
  mock.timers.tick(20_000)
  for (const sweep of sweeps) sweep()
  t.equal(sweeps.size, 0)
  await engine.publish('again', publication('x'), { size: 10, ttl: 10_000 })
  t.equal(sweeps.size, 1)
})

t.test('the limits of the memory engine are positive integers', async (t) => {
  for (const [name, value] of [['maxTopics', 0], ['maxBytes', -1], ['maxBytes', 1.5], ['maxTopics', '5']] as const) {
    t.throws(() => memoryEngine({ [name]: value }), {
      code: 'FST_WIRE_OPTION', message: new RegExp(`"${name}" must be a positive integer`)
    })
  }
})
