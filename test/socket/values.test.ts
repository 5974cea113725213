import t from 'tap'
import type { Inbound } from '../../lib/schema.js'
import type { Conversation } from '../../lib/socket/conversation.js'
import { Inbox } from '../../lib/socket/inbox.js'
import { readValue, REFUSED, takeNext } from '../../lib/socket/values.js'

const inbound = (passesBinary: boolean): Inbound => ({
  passesBinary,
  read: (data, isBinary) => {
    if (isBinary || data.length === 0) throw new Error('refused')
    return [data.toString()]
  }
})

const setUp = (inbound?: Inbound) => {
  const failures: unknown[] = []
  const conversation = { owner: { inbound }, fail: (error: unknown) => { failures.push(error) } } as unknown as Conversation
  const inbox = new Inbox()
  inbox.put(Buffer.alloc(0), false)
  inbox.put(Buffer.from('binary'), true)
  inbox.put(Buffer.from('text'), false)
  const takeAll = (): unknown[] => {
    const values: unknown[] = []
    for (let next = takeNext(conversation, inbox); next !== undefined; next = takeNext(conversation, inbox)) values.push(next.value)
    return values
  }
  return { conversation, failures, takeAll }
}

t.test('without a schema text is taken as strings, what is binary as Buffers', async (t) => {
  const { conversation, takeAll } = setUp()
  t.same(takeAll(), ['', Buffer.from('binary'), 'text'])
  t.equal(takeNext(conversation, undefined), undefined)
})

t.test('with one values are taken, and what is refused is a failure', async (t) => {
  const { failures, takeAll } = setUp(inbound(false))
  t.same(takeAll(), [['text']])
  t.match(failures, [{ message: 'refused' }, { message: 'refused' }])
})

t.test('binary messages may pass beside the values', async (t) => {
  const { failures, takeAll } = setUp(inbound(true))
  t.same(takeAll(), [Buffer.from('binary'), ['text']])
  t.equal(failures.length, 1)
})

t.test('a single message is read, or refused', async (t) => {
  const { conversation } = setUp()
  t.same(readValue(conversation, inbound(false), Buffer.from('a'), false), ['a'])
  t.equal(readValue(conversation, inbound(false), Buffer.from('a'), true), REFUSED)
})
