import t, { type Test } from 'tap'
import { Outgoing, readPublishLimits } from '../../lib/engine/outgoing.js'
import { timers } from '../../lib/timers.js'
import { FakeClock } from '../fixtures/clock.js'

interface Sent {
  readonly messages: readonly string[]
  readonly isAgain: boolean
  readonly after: string | undefined
  /** Answers each message with its text. */
  accept (): void
  reject (error: Error): void
}

interface Scripted {
  readonly outgoing: Outgoing<string>
  readonly sent: Sent[]
  readonly link: { isConnected: boolean }
}

function make (publishTimeout = 60_000, maxWaiting = 4): Scripted {
  const sent: Sent[] = []
  const link = { isConnected: true }
  const outgoing = new Outgoing<string>({
    name: 'test',
    limits: { publishTimeout, maxWaiting, maxWaitingBytes: 200_000 },
    send: (messages, isAgain, after) => new Promise((resolve, reject) => {
      sent.push({ messages, isAgain, after, accept: () => { resolve(messages) }, reject })
    }),
    joins: (message) => message !== 'alone',
    isFinal: (error) => (error as Error).message === 'final',
    isConnected: () => link.isConnected
  })
  return { outgoing, sent, link }
}

/** One that has sent its first message, so that all others follow without waiting for an answer. */
async function makeSending (...options: Parameters<typeof make>): Promise<Scripted> {
  const scripted = make(...options)
  scripted.outgoing.resume()
  const first = scripted.outgoing.publish('/first', 'first', 0)
  await turn()
  scripted.sent.shift()!.accept()
  await first
  return scripted
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

const messagesOf = (sent: readonly Sent[]): Array<readonly string[]> => sent.map(({ messages }) => messages)

t.test('messages wait for the connection, and a single one probes it first', async (t) => {
  const { outgoing, sent } = make()
  const accepted = Promise.all(['a', 'b', 'c'].map((message) => outgoing.publish('/t', message, 10)))
  await turn()
  t.equal(sent.length, 0)
  outgoing.resume()
  const late = outgoing.publish('/t', 'd', 10)
  await turn()
  t.strictSame(messagesOf(sent), [['a']])
  sent[0]!.accept()
  await turn()
  t.strictSame(messagesOf(sent), [['a'], ['b', 'c', 'd']])
  sent[1]!.accept()
  t.strictSame(await accepted, [{ cursor: 'a' }, { cursor: 'b' }, { cursor: 'c' }])
  t.strictSame(await late, { cursor: 'd' })
  outgoing.close()
})

t.test('messages published in one turn are sent together, per topic', async (t) => {
  const { outgoing, sent } = await makeSending()
  const accepted = Promise.all([['/t', 'a'], ['/u', 'b'], ['/t', 'c']].map(([topic, message]) => outgoing.publish(
    topic!, message!, 10
  )))
  t.equal(sent.length, 0)
  await turn()
  t.strictSame(messagesOf(sent), [['a', 'c'], ['b']])
  for (const each of sent) each.accept()
  t.strictSame(await accepted, [{ cursor: 'a' }, { cursor: 'b' }, { cursor: 'c' }])
  outgoing.close()
})

t.test('a batch ends before a message that cannot join it, and at its maximum size or length', async (t) => {
  const { outgoing, sent } = await makeSending(60_000, 1_000)
  for (const message of ['a', 'alone', 'c']) outgoing.publish('/t', message, 10).catch(() => {})
  await turn()
  t.strictSame(messagesOf(sent.splice(0)), [['a'], ['alone', 'c']])
  for (const message of ['large', 'larger']) outgoing.publish('/t', message, 90_000).catch(() => {})
  await turn()
  t.strictSame(messagesOf(sent.splice(0)), [['large'], ['larger']])
  for (let i = 0; i < 200; i++) outgoing.publish('/t', 'x', 1).catch(() => {})
  await turn()
  t.strictSame(sent.map(({ messages }) => messages.length), [128, 72])
  outgoing.close()
})

t.test('a batch names the unanswered message before it in its topic', async (t) => {
  const { outgoing, sent } = await makeSending()
  const publish = async (topic: string, message: string): Promise<void> => {
    outgoing.publish(topic, message, 10).catch(() => {})
    await turn()
  }
  await publish('/t', 'a')
  await publish('/u', 'b')
  await publish('/t', 'c')
  t.strictSame(sent.map(({ after }) => after), [undefined, undefined, 'a'])
  sent[0]!.accept()
  await turn()
  await publish('/t', 'd')
  t.equal(sent[3]!.after, 'c')
  for (const each of sent) each.accept()
  await turn()
  await publish('/t', 'e')
  t.equal(sent[4]!.after, undefined)
  outgoing.close()
})

t.test('unanswered messages are sent again after a failure, before new ones', async (t) => {
  const { outgoing, sent, link } = await makeSending()
  const accepted: unknown[] = []
  for (const message of ['a', 'alone', 'c']) {
    outgoing.publish('/t', message, 10).then(({ cursor }) => accepted.push(cursor))
  }
  await turn()
  link.isConnected = false
  sent[0]!.accept()
  sent[1]!.reject(new Error('broken'))
  await turn()
  outgoing.publish('/t', 'd', 10).then(({ cursor }) => accepted.push(cursor))
  await turn()
  t.equal(sent.length, 2)
  outgoing.resume()
  t.strictSame(
    sent.slice(2).map(({ messages, isAgain, after }) => [messages, isAgain, after]), [[['alone'], true, undefined]]
  )
  sent[2]!.accept()
  await turn()
  t.strictSame(messagesOf(sent.slice(3)), [['c', 'd']])
  sent[3]!.accept()
  await turn()
  t.strictSame(accepted, ['a', 'alone', 'c', 'd'])
  outgoing.close()
})

t.test('a temporary failure is retried, and a late answer counts', async (t) => {
  const { outgoing, sent } = await makeSending()
  const accepted = outgoing.publish('/t', 'a', 10)
  await turn()
  sent[0]!.reject(new Error('loading'))
  while (sent.length < 2) await turn()
  outgoing.resume()
  sent[1]!.reject(new Error('of an older attempt'))
  await turn()
  t.equal(sent.length, 3)
  outgoing.resume()
  sent[2]!.accept()
  t.strictSame(await accepted, { cursor: 'a' })
  outgoing.close()
})

t.test('a final failure rejects at once, and does not delay others', async (t) => {
  const { outgoing, sent } = make()
  outgoing.resume()
  const [first, second] = [outgoing.publish('/t', 'a', 10), outgoing.publish('/t', 'b', 10)]
  await turn()
  sent[0]!.reject(new Error('final'))
  await t.rejects(first, { message: 'final' })
  sent[1]!.accept()
  t.strictSame(await second, { cursor: 'b' })
  outgoing.close()
})

/** A clock that stands still, and timeouts that a test lets expire. */
function stopClock (t: Test): { expire (at: number): void, readonly count: () => number } {
  let now = 0
  const timeouts: Array<() => void> = []
  t.intercept(timers, 'now', { value: () => now })
  t.intercept(timers, 'setTimeout', { value: (expire: () => void) => timeouts.push(expire) })
  t.intercept(timers, 'clearTimeout', { value: () => {} })
  return {
    expire: (at) => {
      now = at
      timeouts.at(-1)!()
    },
    count: () => timeouts.length
  }
}

t.test('a message rejects after its time limit, and its late answer is ignored', async (t) => {
  const clock = stopClock(t)
  const { outgoing, sent } = make(20)
  outgoing.resume()
  const [first, second] = [outgoing.publish('/t', 'a', 10), outgoing.publish('/t', 'b', 10)]
  await turn()
  clock.expire(20)
  await t.rejects(first, { code: 'FST_WIRE_PUBLISH_TIMEOUT', message: /within 20 ms/ })
  await t.rejects(second, { code: 'FST_WIRE_PUBLISH_TIMEOUT' })
  sent[0]!.accept()
  await turn()
  t.equal(sent.length, 1, 'what was never sent is not')
  const third = outgoing.publish('/t', 'c', 10)
  await turn()
  sent[1]!.reject(new Error('final'))
  await t.rejects(third, { message: 'final' })
  outgoing.close()
})

t.test('a message times out although an earlier one was accepted', async (t) => {
  const clock = new FakeClock(t)
  const { outgoing, sent } = await makeSending(100)
  const accepted = outgoing.publish('/a', 'a', 0)
  const late = outgoing.publish('/b', 'b', 0)
  await turn()
  sent[0]!.accept()
  t.strictSame(await accepted, { cursor: 'a' })
  clock.advance(100)
  await t.rejects(late, { code: 'FST_WIRE_PUBLISH_TIMEOUT' })
  outgoing.close()
})

t.test('a message that was not accepted in time rejects with the last error as its cause', async (t) => {
  const clock = new FakeClock(t)
  const { outgoing, sent } = await makeSending(100)
  const first = outgoing.publish('/t', 'a', 0)
  await turn()
  sent[0]!.reject(new Error('no replicas'))
  await turn()
  clock.advance(100)
  await t.rejects(first, { code: 'FST_WIRE_PUBLISH_TIMEOUT', cause: { message: 'no replicas' } })
  sent.at(-1)!.accept()
  const later = outgoing.publish('/t', 'b', 0)
  await turn()
  sent.at(-1)!.accept()
  await later
  const unanswered = outgoing.publish('/t', 'c', 0)
  await turn()
  clock.advance(100)
  const error: unknown = await unanswered.catch((error: unknown) => error)
  t.match(error, { code: 'FST_WIRE_PUBLISH_TIMEOUT' })
  t.equal((error as Error).cause, undefined, 'the errors before the server accepted messages again are not the cause')
  outgoing.close()
})

t.test('a message whose time limit ended before there was a connection is never sent', async (t) => {
  const clock = stopClock(t)
  const { outgoing, sent } = make(20)
  const gone = outgoing.publish('/t', 'a', 10)
  clock.expire(20)
  await t.rejects(gone, { code: 'FST_WIRE_PUBLISH_TIMEOUT' })
  outgoing.resume()
  t.equal(sent.length, 0)
  const kept = outgoing.publish('/t', 'b', 10)
  await turn()
  sent[0]!.accept()
  t.strictSame(await kept, { cursor: 'b' })
  outgoing.close()
})

t.test('a message keeps waiting when the time limit of another one ends', async (t) => {
  const clock = stopClock(t)
  const { outgoing, sent } = make(100)
  outgoing.resume()
  const first = outgoing.publish('/t', 'a', 0)
  await turn()
  sent[0]!.reject(new Error('final'))
  await t.rejects(first, { message: 'final' })
  const second = outgoing.publish('/t', 'b', 0)
  clock.expire(50)
  t.equal(clock.count(), 2)
  await turn()
  sent[1]!.accept()
  t.strictSame(await second, { cursor: 'b' })
  outgoing.close()
})

t.test('close() rejects unanswered messages, and all later ones', async (t) => {
  const { outgoing, sent } = await makeSending()
  const first = outgoing.publish('/t', 'a', 10)
  await turn()
  sent[0]!.reject(new Error('loading'))
  await turn()
  outgoing.close()
  await t.rejects(first, { code: 'FST_WIRE_ENGINE_CLOSED' })
  await t.rejects(outgoing.publish('/t', 'b', 10), { code: 'FST_WIRE_ENGINE_CLOSED' })
  outgoing.resume()
  outgoing.pause()
  outgoing.close()
  t.equal(sent.length, 1)
})

t.test('messages over the limits are refused, by number and by bytes, until others are accepted', async (t) => {
  const { outgoing, sent } = make()
  const busy = { code: 'FST_WIRE_ENGINE_BUSY', message: /maxWaiting/ }
  const first = outgoing.publish('/t', 'large', 199_999)
  await t.rejects(outgoing.publish('/t', 'b', 2), busy)
  const others = ['b', 'c', 'd'].map((message) => outgoing.publish('/t', message, 0))
  await t.rejects(outgoing.publish('/t', 'e', 0), busy)
  outgoing.resume()
  sent[0]!.accept()
  await first
  const late = outgoing.publish('/t', 'f', 190_000)
  await turn()
  for (const each of sent.slice(1)) each.accept()
  await Promise.all([...others, late])
  const alone = outgoing.publish('/t', 'larger than all that may wait', 1_000_000)
  await turn()
  sent.at(-1)!.accept()
  t.strictSame(await alone, { cursor: 'larger than all that may wait' })
  outgoing.close()
})

t.test('sending again stops when the connection breaks meanwhile', async (t) => {
  const sent: string[] = []
  let isBroken = false
  const outgoing: Outgoing<string> = new Outgoing<string>({
    name: 'test',
    limits: readPublishLimits({}),
    send: async (messages) => {
      sent.push(...messages)
      if (isBroken) outgoing.pause()
      return messages
    },
    joins: () => true,
    isFinal: () => false,
    isConnected: () => false
  })
  outgoing.resume()
  await outgoing.publish('/t', 'first', 0)
  isBroken = true
  for (const topic of ['/a', '/b']) outgoing.publish(topic, topic, 0).catch(() => {})
  await turn()
  t.strictSame(sent, ['first', '/a'])
  outgoing.close()
})

t.test('invalid limits are refused', async (t) => {
  for (const options of [{ publishTimeout: 0 }, { maxWaiting: 0.5 }, { maxWaitingBytes: -1 }]) {
    t.throws(() => readPublishLimits(options), { code: 'FST_WIRE_OPTION' })
  }
})
