import t from 'tap'
import { RedisKeys } from '../../lib/engine/redis-keys.js'

t.test('all keys of a topic have one hash tag, made from the topic', async (t) => {
  const keys = new RedisKeys('wire:')
  for (const topic of ['/rooms/7', '', '}', '{', '{}', 'a}b', '%7D']) {
    const tags = Object.values(keys.of(topic)).map((key) => /\{(.*?)\}/.exec(key)![1])
    t.equal(new Set(tags).size, 1, topic)
    t.not(tags[0], '')
  }
  t.not(keys.of('}').stream, keys.of('%7D').stream)
})

t.test('keys are cached, for a limited number of topics', async (t) => {
  const keys = new RedisKeys('')
  const first = keys.of('a')
  t.equal(keys.of('a'), first)
  for (let i = 0; i < 10_000; i++) keys.of(`${i}`)
  t.not(keys.of('a'), first)
})
