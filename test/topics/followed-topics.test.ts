import t from 'tap'
import { FollowedTopics } from '../../lib/topics/followed-topics.js'
import type { LocalTopic } from '../../lib/topics/local-topic.js'
import { createMemorySocket } from '../fixtures/memory.js'

const TOPICS = Array.from({ length: 20 }, (_, i) => ({ name: `${i}` })) as unknown as LocalTopic[]
const names = (topics: readonly LocalTopic[]): number[] => topics.map(({ name }) => Number(name)).sort((a, b) => a - b)

t.test('a socket follows one topic, a few, or many, each once', async (t) => {
  const followed = new FollowedTopics()
  const { socket } = createMemorySocket()
  t.same(followed.of(socket), [])
  t.equal(followed.has(socket, TOPICS[0]!), false)
  t.equal(followed.delete(socket, TOPICS[0]!), false)
  for (const [i, topic] of TOPICS.entries()) {
    t.equal(followed.count(socket), i)
    followed.add(socket, topic)
    t.same(names(followed.of(socket)), Array.from({ length: i + 1 }, (_, n) => n))
    t.equal(followed.has(socket, topic), true)
    if (i < 19) t.equal(followed.has(socket, TOPICS[19]!), false)
  }
  t.equal(followed.count(socket), 20)
  t.equal(followed.delete(socket, TOPICS[3]!), true)
  t.equal(followed.delete(socket, TOPICS[3]!), false)
  t.equal(followed.of(socket).length, 19)
  followed.forget(socket)
  t.same(followed.of(socket), [])
})

t.test('topics are removed in any order', async (t) => {
  const followed = new FollowedTopics()
  const { socket } = createMemorySocket()
  for (const topic of TOPICS.slice(0, 3)) followed.add(socket, topic)
  t.equal(followed.delete(socket, TOPICS[4]!), false)
  for (const i of [0, 2, 1]) t.equal(followed.delete(socket, TOPICS[i]!), true)
  t.same(followed.of(socket), [])
  const other = createMemorySocket().socket
  followed.add(other, TOPICS[0]!)
  t.equal(followed.delete(other, TOPICS[1]!), false)
  t.equal(followed.delete(other, TOPICS[0]!), true)
  t.same(followed.of(other), [])
})
