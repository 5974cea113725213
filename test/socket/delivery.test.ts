import t from 'tap'
import type { Inbound } from '../../lib/schema.js'
import type { BinaryType } from '../../lib/socket/data.js'
import { Delivery, type Recipient } from '../../lib/socket/delivery.js'
import { turn } from '../fixtures/memory.js'

class RecordingRecipient implements Recipient {
  readonly inbound: Inbound | undefined
  binaryType: BinaryType = 'nodebuffer'
  hasListener = false
  endCode: number | undefined = undefined
  readonly heard: unknown[] = []
  readonly failures: unknown[] = []
  timesEmptied = 0

  constructor (inbound?: Inbound) {
    this.inbound = inbound
  }

  listen (data: unknown, isBinary: boolean): void {
    this.heard.push([String(data), isBinary])
  }

  fail (error: unknown): void {
    this.failures.push(error)
  }

  emptied (): void {
    this.timesEmptied++
  }
}

const inbound = (passesBinary: boolean): Inbound => ({
  passesBinary,
  read: (data, isBinary) => {
    if (isBinary || data.length === 0) throw new Error('refused')
    return [data.toString()]
  }
})

const text = (delivery: Delivery, data: string): boolean => delivery.deliver(Buffer.from(data), false)

/** Three messages, the first of them empty, that wait until they are taken one by one. */
const takeAll = async (recipient: Recipient): Promise<unknown[]> => {
  const delivery = new Delivery(recipient)
  text(delivery, '')
  delivery.deliver(Buffer.from('binary'), true)
  text(delivery, 'text')
  const puller = delivery.pull()
  const values: unknown[] = []
  while (delivery.isWaiting) values.push((await puller.pull()).value)
  return values
}

t.test('a message goes to the listener at once, or waits until there is one', async (t) => {
  const recipient = new RecordingRecipient()
  const delivery = new Delivery(recipient)
  delivery.schedule()
  t.equal(text(delivery, 'first'), true)
  recipient.hasListener = true
  t.equal(text(delivery, 'second'), true)
  t.same(recipient.heard, [], 'behind the first')
  delivery.schedule()
  delivery.schedule()
  await turn()
  t.equal(recipient.timesEmptied, 1)
  text(delivery, 'third')
  t.same(recipient.heard, [['first', false], ['second', false], ['third', false]])
})

t.test('a pause holds what comes, and what waits', async (t) => {
  const recipient = new RecordingRecipient()
  const delivery = new Delivery(recipient)
  recipient.hasListener = true
  delivery.isPaused = true
  text(delivery, 'a')
  delivery.schedule()
  await turn()
  t.same(recipient.heard, [])
  t.equal(delivery.isWaiting, true)
  delivery.clear()
  t.equal(delivery.isWaiting, false)
})

t.test('more than 64 KiB that wait are too much', async (t) => {
  const delivery = new Delivery(new RecordingRecipient())
  t.equal(delivery.isFull, false)
  t.equal(delivery.deliver(Buffer.alloc(65_000), true), true)
  t.equal(delivery.deliver(Buffer.alloc(1_000), true), false)
  t.equal(delivery.isFull, true)
})

t.test('a listener gets binary messages as binaryType says', async (t) => {
  const recipient = new RecordingRecipient()
  const delivery = new Delivery(recipient)
  recipient.hasListener = true
  recipient.binaryType = 'arraybuffer'
  delivery.deliver(Buffer.from('b'), true)
  text(delivery, 't')
  t.same(recipient.heard, [['[object ArrayBuffer]', true], ['t', false]])
})

t.test('with a schema it gets values, and what is refused is a failure', async (t) => {
  const recipient = new RecordingRecipient(inbound(true))
  const delivery = new Delivery(recipient)
  recipient.hasListener = true
  for (const data of ['', 'text']) text(delivery, data)
  delivery.deliver(Buffer.from('binary'), true)
  t.same(recipient.heard, [['text', false], ['binary', true]])
  t.match(recipient.failures, [{ message: 'refused' }])
})

t.test('taken one by one, text is a string and what is binary a Buffer', async (t) => {
  const recipient = new RecordingRecipient()
  t.same(await takeAll(recipient), ['', Buffer.from('binary'), 'text'])
  t.equal(recipient.timesEmptied, 3)
})

t.test('so are values, and what is refused is passed by', async (t) => {
  const recipient = new RecordingRecipient(inbound(false))
  t.same(await takeAll(recipient), [['text']])
  t.match(recipient.failures, [{ message: 'refused' }, { message: 'refused' }])
  const passing = new RecordingRecipient(inbound(true))
  t.same(await takeAll(passing), [Buffer.from('binary'), ['text']])
  t.equal(passing.failures.length, 1)
})

t.test('who asks before a message comes gets the next one, or is told of the end', async (t) => {
  const recipient = new RecordingRecipient()
  const delivery = new Delivery(recipient)
  const puller = delivery.pull()
  t.equal(delivery.pull(), puller)
  t.equal(delivery.isPulled, true)
  const next = puller.pull()
  text(delivery, 'a')
  t.same(await next, { done: false, value: 'a' })
  const last = puller.pull()
  recipient.endCode = 1000
  delivery.end()
  t.same(await last, { done: true, value: undefined })
})

t.test('what is not asked for any more goes to a listener again', async (t) => {
  const recipient = new RecordingRecipient()
  const delivery = new Delivery(recipient)
  delivery.end()
  delivery.pull()
  text(delivery, 'a')
  recipient.hasListener = true
  delivery.stopPulling()
  t.equal(delivery.isPulled, false)
  await turn()
  t.same(recipient.heard, [['a', false]])
})
