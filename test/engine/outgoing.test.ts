import t from 'tap'
import { Outgoing, readPublishLimits } from '../../lib/engine/outgoing.js'
import { timers } from '../../lib/timers.js'

interface Sent {
  readonly message: string
  readonly isAgain: boolean
  resolve (cursor: string): void
  reject (error: Error): void
}

function make (publishTimeout = 60_000): { outgoing: Outgoing<string>, sent: Sent[], link: { isConnected: boolean } } {
  const sent: Sent[] = []
  const link = { isConnected: true }
  const outgoing = new Outgoing<string>({
    name: 'test',
    limits: { publishTimeout, maxWaiting: 4, maxWaitingBytes: 100 },
    send: (message, isAgain) => new Promise((resolve, reject) => sent.push({ message, isAgain, resolve, reject })),
    isFinal: (error) => (error as Error).message === 'final',
    isConnected: () => link.isConnected
  })
  return { outgoing, sent, link }
}

const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

t.test('messages wait for the connection, and are sent in order', async (t) => {
  const { outgoing, sent } = make()
  const accepted = Promise.all([outgoing.publish('a', 10), outgoing.publish('b', 10)])
  t.equal(sent.length, 0)
  outgoing.resume()
  t.strictSame(sent.map(({ message, isAgain }) => [message, isAgain]), [['a', false], ['b', false]])
  sent[1]!.resolve('2')
  sent[0]!.resolve('1')
  t.strictSame(await accepted, [{ cursor: '1' }, { cursor: '2' }])
  outgoing.close()
})

t.test('after a failure all that is unanswered is sent again, before what is new', async (t) => {
  const { outgoing, sent, link } = make()
  outgoing.resume()
  const accepted = Promise.all(['a', 'b', 'c'].map((message) => outgoing.publish(message, 10)))
  link.isConnected = false
  sent[0]!.resolve('1')
  sent[1]!.reject(new Error('broken'))
  sent[2]!.reject(new Error('broken'))
  await settled()
  const last = outgoing.publish('d', 10)
  t.equal(sent.length, 3)
  outgoing.resume()
  t.strictSame(sent.slice(3).map(({ message, isAgain }) => [message, isAgain]), [['b', true], ['c', true], ['d', false]])
  for (const each of sent.slice(3)) each.resolve(each.message)
  t.strictSame(await accepted, [{ cursor: '1' }, { cursor: 'b' }, { cursor: 'c' }])
  t.strictSame(await last, { cursor: 'd' })
  outgoing.close()
})

t.test('a failure that passes is tried again by itself; an old answer counts', async (t) => {
  const { outgoing, sent } = make()
  outgoing.resume()
  const accepted = outgoing.publish('a', 10)
  sent[0]!.reject(new Error('loading'))
  while (sent.length < 2) await settled()
  outgoing.resume()
  sent[1]!.reject(new Error('of an older attempt'))
  await settled()
  t.equal(sent.length, 3)
  sent[2]!.resolve('1')
  t.strictSame(await accepted, { cursor: '1' })
  outgoing.close()
})

t.test('a final failure rejects at once, and holds up nothing', async (t) => {
  const { outgoing, sent } = make()
  outgoing.resume()
  const [first, second] = [outgoing.publish('a', 10), outgoing.publish('b', 10)]
  sent[0]!.reject(new Error('final'))
  await t.rejects(first, { message: 'final' })
  sent[1]!.resolve('2')
  t.strictSame(await second, { cursor: '2' })
  outgoing.close()
})

t.test('a message whose time is over rejects, and its late answer means nothing', async (t) => {
  const { outgoing, sent } = make(20)
  outgoing.resume()
  await t.rejects(outgoing.publish('a', 10), { code: 'FST_WIRE_PUBLISH_TIMEOUT', message: /within 20 ms/ })
  sent[0]!.resolve('1')
  sent[0]!.reject(new Error('late'))
  const kept = outgoing.publish('b', 10)
  sent[1]!.resolve('2')
  t.strictSame(await kept, { cursor: '2' })
  outgoing.close()
})

t.test('close() rejects what is unanswered, and all that comes later', async (t) => {
  const { outgoing, sent } = make()
  outgoing.resume()
  const first = outgoing.publish('a', 10)
  sent[0]!.reject(new Error('loading'))
  await settled()
  outgoing.close()
  await t.rejects(first, { code: 'FST_WIRE_ENGINE_CLOSED' })
  await t.rejects(outgoing.publish('b', 10), { code: 'FST_WIRE_ENGINE_CLOSED' })
  outgoing.resume()
  outgoing.close()
})

t.test('more than may wait is refused, by number and by bytes, until something is accepted', async (t) => {
  const { outgoing, sent } = make()
  const busy = { code: 'FST_WIRE_ENGINE_BUSY', message: /maxWaiting/ }
  const first = outgoing.publish('large', 99)
  await t.rejects(outgoing.publish('b', 2), busy)
  const others = [outgoing.publish('b', 1), outgoing.publish('c', 0), outgoing.publish('d', 0)]
  await t.rejects(outgoing.publish('e', 0), busy)
  outgoing.resume()
  sent[0]!.resolve('1')
  await first
  const late = outgoing.publish('f', 90)
  for (const each of sent.slice(1)) each.resolve(each.message)
  await Promise.all([...others, late])
  const alone = outgoing.publish('larger than all that may wait', 1000)
  sent[5]!.resolve('6')
  t.strictSame(await alone, { cursor: '6' })
  outgoing.close()
})

t.test('a message whose time is not over yet waits on, when that of another is', async (t) => {
  let now = 0
  const timeouts: Array<() => void> = []
  t.intercept(timers, 'now', { value: () => now })
  t.intercept(timers, 'setTimeout', { value: (expire: () => void) => timeouts.push(expire) })
  const { outgoing, sent } = make(100)
  outgoing.resume()
  const first = outgoing.publish('a', 0)
  now = 50
  const second = outgoing.publish('b', 0)
  now = 100
  timeouts[0]!()
  await t.rejects(first, { code: 'FST_WIRE_PUBLISH_TIMEOUT' })
  t.equal(timeouts.length, 2)
  sent[1]!.resolve('2')
  t.strictSame(await second, { cursor: '2' })
  outgoing.close()
})

t.test('what is sent again stops where the connection breaks while it is sent', async (t) => {
  const sent: string[] = []
  const outgoing: Outgoing<string> = new Outgoing<string>({
    name: 'test',
    limits: readPublishLimits({}),
    send: (message) => {
      sent.push(message)
      outgoing.pause()
      return new Promise(() => {})
    },
    isFinal: () => false,
    isConnected: () => false
  })
  for (const message of ['a', 'b']) outgoing.publish(message, 0).catch(() => {})
  outgoing.resume()
  t.strictSame(sent, ['a'])
  outgoing.close()
})

t.test('limits that make no sense are refused', async (t) => {
  for (const options of [{ publishTimeout: 0 }, { maxWaiting: 0.5 }, { maxWaitingBytes: -1 }]) {
    t.throws(() => readPublishLimits(options), { code: 'FST_WIRE_OPTION' })
  }
})
