import t from 'tap'
import type { HistoryPage, TopicMessage } from '../../lib/engine/engine.js'
import { Feed, type FeedOwner } from '../../lib/topics/feed.js'

const message = (number: number, prev = number === 1 ? '' : `c${number - 1}`): TopicMessage =>
  ({ cursor: `c${number}`, prev, id: `id${number}`, data: Buffer.from(`m${number}`), isBinary: false, kind: '' })

const range = (from: number, to: number): TopicMessage[] => Array.from({
  length: to - from +
  1
}, (_, i) => message(from + i))

interface Scripted extends FeedOwner {
  readonly seen: string[]
  readonly reads: string[]
  readonly failures: unknown[]
  /** What each read is answered with, one after the other. */
  readonly pages: Array<Partial<HistoryPage> | Error | (() => Partial<HistoryPage>)>
}

function scripted (): Scripted {
  const seen: string[] = []
  const reads: string[] = []
  const failures: unknown[] = []
  const pages: Scripted['pages'] = []
  return {
    seen,
    reads,
    failures,
    pages,
    read: async (_topic, after) => {
      reads.push(after)
      const next = pages.shift() ?? {}
      const page = typeof next === 'function' ? next() : next
      if (page instanceof Error) throw page
      return { messages: [], isGap: false, head: '', ...page }
    },
    message: (_feed, { cursor }) => { seen.push(cursor) },
    gap: (_feed, cursor) => { seen.push(`gap before what follows ${cursor}`) },
    unfilled: (_feed, error) => { failures.push(error) }
  }
}

function liveFeed (owner: FeedOwner, head = ''): Feed {
  const feed = new Feed('/t', owner)
  feed.start(head)
  return feed
}

t.test('consecutive messages are reported as they arrive', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner)
  t.ok(feed.isLive)
  for (const each of range(1, 3)) feed.receive(each)
  t.same(owner.seen, ['c1', 'c2', 'c3'])
  t.same(owner.reads, [])
  t.equal(feed.last, 'c3')
})

t.test('messages that arrive before the subscription is active wait for it', async (t) => {
  const owner = scripted()
  const feed = new Feed('/t', owner)
  feed.receive(message(3))
  t.same(owner.seen, [])
  feed.start('c2')
  feed.start('c9')
  t.same(owner.seen, ['c3'])
})

t.test('a message that arrives twice is reported once', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner)
  for (const each of [message(1), message(2), message(2), message(1), message(3)]) feed.receive(each)
  t.same(owner.seen, ['c1', 'c2', 'c3'])
  t.same(owner.reads, [])
})

t.test('missing messages are read from the history before later ones are reported', async (t) => {
  const owner = scripted()
  owner.pages.push({ messages: range(2, 4), head: 'c4' })
  const feed = liveFeed(owner)
  feed.receive(message(1))
  feed.receive(message(4))
  feed.receive(message(5))
  t.same(owner.seen, ['c1'])
  t.notOk(feed.isLive)
  await feed.refill()
  t.same(owner.seen, ['c1', 'c2', 'c3', 'c4', 'c5'])
  t.same(owner.reads, ['c1'])
})

t.test('the history is read again for a newer message that arrived while it was being read', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner)
  owner.pages.push(() => {
    feed.receive(message(6))
    return { messages: range(1, 4), head: 'c4' }
  }, { messages: range(5, 6), head: 'c6' })
  await feed.refill()
  t.same(owner.seen, ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'])
})

t.test('missing messages that the history has lost are reported as a gap', async (t) => {
  const owner = scripted()
  owner.pages.push({ messages: range(7, 8), isGap: true, head: 'c8' })
  const feed = liveFeed(owner)
  feed.receive(message(1))
  feed.receive(message(8))
  await feed.refill()
  t.same(owner.seen, ['c1', 'gap before what follows c6', 'c7', 'c8'])
})

t.test('an empty history is reported as a gap up to its head', async (t) => {
  const owner = scripted()
  owner.pages.push({ isGap: true, head: 'x5' })
  const feed = liveFeed(owner, 'c1')
  await feed.refill()
  t.same(owner.seen, ['gap before what follows x5'])
  t.equal(feed.last, 'x5')
})

t.test('a topic whose first messages are lost has a gap at its beginning', async (t) => {
  const owner = scripted()
  owner.pages.push({ messages: range(3, 4), head: 'c4' })
  const feed = liveFeed(owner)
  feed.receive(message(4))
  await feed.refill()
  t.same(owner.seen, ['gap before what follows c2', 'c3', 'c4'])
})

t.test('a message without predecessor in an empty history is reported after a gap', async (t) => {
  const owner = scripted()
  owner.pages.push({ messages: [], head: 'c1' })
  const feed = liveFeed(owner, 'c1')
  feed.receive(message(9))
  await feed.refill()
  t.same(owner.seen, ['gap before what follows c8', 'c9'])
})

t.test('many missing messages are read page by page', async (t) => {
  const owner = scripted()
  owner.pages.push({ messages: range(1, 500), head: 'c600' }, { messages: range(501, 600), head: 'c600' })
  const feed = liveFeed(owner)
  await feed.refill()
  t.equal(owner.seen.length, 600)
  t.same(owner.reads, ['', 'c500'])
})

t.test('a history that cannot be read is left for later, and no later message is reported', async (t) => {
  const owner = scripted()
  owner.pages.push(new Error('down'), { messages: range(2, 3), head: 'c3' })
  const feed = liveFeed(owner, 'c1')
  feed.receive(message(3))
  await feed.refill()
  t.match(owner.failures, [{ message: 'down' }])
  t.same(owner.seen, [])
  await feed.refill()
  t.same(owner.seen, ['c2', 'c3'])
})

t.test('a stopped feed reports nothing more', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner)
  owner.pages.push(() => {
    feed.stop()
    return { messages: range(1, 2), head: 'c2' }
  })
  await feed.refill()
  feed.receive(message(3))
  await feed.refill()
  t.same(owner.seen, [])
  const failing = liveFeed(owner)
  owner.pages.push(() => {
    failing.stop()
    throw new Error('closed')
  })
  await failing.refill()
  t.same(owner.failures, [])
})

t.test('since() returns the recent messages for sockets that resume', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner)
  t.same(feed.since(''), [])
  t.equal(feed.since('c1'), undefined)
  for (const each of range(1, 100)) feed.receive(each)
  t.same(feed.since('c100'), [])
  t.same(feed.since('c98')?.map(({ cursor }) => cursor), ['c99', 'c100'])
  t.equal(feed.since('c3'), undefined, 'but not all of them')
  t.equal(feed.since(''), undefined)
})

t.test('few large messages are kept as recent ones', async (t) => {
  const feed = liveFeed(scripted())
  for (const each of range(1, 4)) feed.receive({ ...each, data: Buffer.alloc(40_000) })
  t.same(feed.since('c3')?.length, 1)
  t.equal(feed.since('c1'), undefined)
})

t.test('a late message from before the start of the feed is not a gap', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner, 'c5')
  owner.pages.push({}, { messages: range(4, 5) })
  feed.receive(message(4))
  await feed.refill()
  t.same(owner.reads, ['c5', 'c3', 'c5'])
  feed.receive(message(6))
  t.same(owner.seen, ['c6'])
})

t.test('a late message that is older than the recent ones is found in the history and dropped', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner)
  for (const each of range(1, 700)) feed.receive(each)
  owner.pages.push({}, { messages: range(2, 501) }, { messages: range(502, 700) })
  feed.receive(message(2))
  feed.receive(message(3))
  await feed.refill()
  t.same(owner.reads, ['c700', 'c1', 'c501', 'c700'])
  t.equal(owner.seen.length, 700)
  t.equal(feed.last, 'c700')
})

t.test('a message whose history does not lead to the last reported one is reported after a gap', async (t) => {
  const cases: Array<[pages: Scripted['pages'], why: string]> = [
    [[{}, { messages: range(6, 8) }], 'the last message is not behind it'],
    [[{}, { messages: range(1, 500) }], 'the message itself is not there'],
    [[{}, { messages: [message(1)] }], 'the last message is there, and it is not']
  ]
  for (const [pages, why] of cases) {
    const owner = scripted()
    const feed = liveFeed(owner, 'c1')
    owner.pages.push(...pages)
    feed.receive(message(6))
    await feed.refill()
    t.same(owner.seen, ['gap before what follows c5', 'c6'], why)
  }
})

t.test('a feed that is stopped while it looks for an old message reports nothing more', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner, 'c1')
  owner.pages.push({}, () => {
    feed.stop()
    return {}
  })
  feed.receive(message(6))
  await feed.refill()
  t.same(owner.seen, [])
})

t.test('messages delivered before a loss are not reported after messages accepted later', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner, 'c1')
  const after: TopicMessage = { ...message(2), cursor: 'x1', prev: 'x0' }
  owner.pages.push({ messages: [after], isGap: true, head: 'x1' })
  for (const each of range(4, 5)) feed.receive(each)
  await feed.refill()
  t.same(owner.seen, ['gap before what follows x0', 'x1'])
  feed.receive({ ...message(3), cursor: 'x2', prev: 'x1' })
  t.same(owner.seen.slice(2), ['x2'])
})

t.test('messages that a restored copy does not contain are a gap, even if it contains the last one', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner, 'c1')
  owner.pages.push({ messages: [{ ...message(2), cursor: 'x2' }], head: 'x2' })
  for (const each of range(4, 5)) feed.receive(each)
  await feed.refill()
  t.same(owner.seen, ['x2', 'gap before what follows x2'])
})

t.test('missing messages in a topic without history are a gap, and later ones are reported', async (t) => {
  const owner = scripted()
  const feed = liveFeed(owner, 'c1')
  owner.pages.push({ isGap: true, head: 'c5' })
  for (const each of range(4, 5)) feed.receive(each)
  await feed.refill()
  t.same(owner.seen, ['gap before what follows c3', 'c4', 'c5'])
})
