import t from 'tap'
import { checkEngine, resolveHistory, resolveTopic, resolveTopics } from '../../lib/options/topics.js'
import { ScriptedEngine } from '../fixtures/scripted-engine.js'

t.test('topic is true, a name, a list or a function', async (t) => {
  const choose = (): string => 'news'
  for (const topic of [undefined, true, 'news', ['news', '/rooms/7'], choose] as const) {
    t.equal(resolveTopic(topic), topic)
  }
  for (const topic of [7, false, null, [7], {}]) {
    t.throws(() => resolveTopic(topic as never), { code: 'FST_WIRE_OPTION', message: /topic/ })
  }
})

t.test('a history has a size and a ttl, each with a default', async (t) => {
  t.same(resolveHistory(undefined), { size: 100, ttl: 60_000 })
  t.same(resolveHistory({ size: 5 }), { size: 5, ttl: 60_000 })
  t.throws(() => resolveHistory({ size: -1 }), { code: 'FST_WIRE_OPTION' })
  t.throws(() => resolveHistory({ length: 5 } as never), { code: 'FST_WIRE_UNKNOWN_OPTION' })
})

t.test('options for all topics have defaults and bounds', async (t) => {
  t.match(resolveTopics(undefined), {
    maxTopics: 100, maxTopicLength: 1_024, lease: 30_000, grace: 5_000, liveInterval: 25_000
  })
  t.equal(resolveTopics({ grace: 0 }).grace, 0)
  for (const given of [{ maxTopics: 0 }, { lease: 1 }, { liveInterval: 1 }, { grace: -1 }]) {
    t.throws(() => resolveTopics(given), { code: 'FST_WIRE_OPTION' })
  }
})

t.test('an engine is recognized by its methods', async (t) => {
  const engine = new ScriptedEngine()
  t.equal(checkEngine(engine), engine)
  t.equal(checkEngine(undefined), undefined)
  for (const given of [null, {}, 'redis', () => {}]) {
    t.throws(() => checkEngine(given), { code: 'FST_WIRE_OPTION', message: /redisEngine/ })
  }
})
