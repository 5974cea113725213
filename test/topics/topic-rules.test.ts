import t from 'tap'
import { TopicRuleBook } from '../../lib/topics/topic-rules.js'

const defaults = { retention: { size: 1, ttl: 1 }, hasPresence: false }

t.test('a path has the rules of its matching pattern', async (t) => {
  const book = new TopicRuleBook(defaults)
  book.define('/rooms/:id', { hasPresence: true })
  t.same(book.find('/rooms/7'), { ...defaults, hasPresence: true })
  t.equal(book.find('/rooms'), defaults)
})

t.test('a name that is not a path has the rules of that name', async (t) => {
  const book = new TopicRuleBook(defaults)
  book.define('news', { hasPresence: true })
  t.equal(book.find('news').hasPresence, true)
  t.equal(book.find('other'), defaults)
})

t.test('later rules for a pattern replace earlier ones', async (t) => {
  const book = new TopicRuleBook(defaults)
  book.define('/a', { hasPresence: true })
  book.define('/a', { retention: { size: 2, ttl: 2 } })
  t.same(book.find('/a'), { hasPresence: false, retention: { size: 2, ttl: 2 } })
})

t.test('rules that are defined after a topic was looked up apply to it', async (t) => {
  const book = new TopicRuleBook(defaults)
  book.define('/*', { retention: { size: 2, ttl: 2 } })
  t.equal(book.find('/rooms/7').hasPresence, false)
  book.define('/rooms/:id', { hasPresence: true })
  t.equal(book.find('/rooms/7').hasPresence, true)
  book.defineExact('/rooms/7', {})
  t.equal(book.find('/rooms/7').hasPresence, false)
})

t.test('the rules of more topics than are remembered are found', async (t) => {
  const book = new TopicRuleBook(defaults)
  book.define('/rooms/:id', { hasPresence: true })
  let found = 0
  for (let i = 0; i < 10_002; i++) if (book.find(`/rooms/${i}`).hasPresence) found++
  t.equal(found, 10_002)
})
