import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { TopicLog } from '../../lib/engine/topic-log.js'
import type { TopicMessage } from '../../lib/engine/engine.js'

const message = (n: number): TopicMessage =>
  ({ id: `${n}`, data: Buffer.alloc(100), isBinary: false, kind: '', cursor: `c${n}`, prev: `c${n - 1}` })

t.test('a short log stays correct while many messages pass through it', async (t) => {
  const log = new TopicLog('c0')
  const wrong: object[] = []
  let bytes = 0
  for (let n = 1; n <= 500; n++) {
    bytes += log.append(message(n), { size: 40, ttl: 60_000 })
    const first = Math.max(1, n - 39)
    const { messages, isGap, head } = log.read(`c${first - 1}`, 1000)
    const found = {
      size: log.size,
      count: messages.length,
      first: messages[0]!.cursor,
      isGap,
      head,
      isGapBefore: first > 1 && log.read(`c${first - 2}`, 1000).isGap
    }
    const count = n - first + 1
    if (!isDeepStrictEqual(found, {
      size: count, count, first: `c${first}`, isGap: false, head: `c${n}`, isGapBefore: first > 1
    })) wrong.push(found)
  }
  t.same(wrong, [])
  t.equal(bytes, 40 * (100 + 256))
  t.equal(log.clear(), bytes)
  t.strictSame(log.read('c500', 10), { messages: [], isGap: false, head: 'c500' })
})

t.test('a page has at most as many messages as its limit', async (t) => {
  const log = new TopicLog('c0')
  for (let n = 1; n <= 5; n++) log.append(message(n), { size: 4, ttl: 60_000 })
  const read = (after: string | undefined, limit: number): [string[], boolean] => {
    const { messages, isGap } = log.read(after, limit)
    return [messages.map(({ cursor }) => cursor), isGap]
  }
  t.same(read('c2', 2), [['c3', 'c4'], false])
  t.same(read('c3', 2), [['c4', 'c5'], false])
  t.same(read('c4', 2), [['c5'], false])
  t.same(read('c0', 2), [['c2', 'c3'], true])
  t.same(read(undefined, 2), [['c4', 'c5'], false])
})

t.test('a smaller size applies from the next message on', async (t) => {
  const log = new TopicLog('c0')
  for (let n = 1; n <= 5; n++) log.append(message(n), { size: 5, ttl: 60_000 })
  t.equal(log.append(message(6), { size: 2, ttl: 60_000 }), -3 * 356)
  t.strictSame(log.read(undefined, 10).messages.map(({ cursor }) => cursor), ['c5', 'c6'])
  t.equal(log.append(message(7), { size: 0, ttl: 60_000 }), -2 * 356)
  t.match(log.read(undefined, 10), { messages: [], head: 'c7' })
})

t.test('a message after the expiry of all others begins a new history', async (t) => {
  const log = new TopicLog('c0')
  log.append(message(1), { size: 5, ttl: 0 })
  t.equal(log.append(message(2), { size: 5, ttl: 60_000 }), 0)
  t.strictSame(log.read('c1', 10).messages.map(({ cursor }) => cursor), ['c2'])
  t.equal(log.read('c0', 10).isGap, true)
})
