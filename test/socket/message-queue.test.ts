import t from 'tap'
import { MessageQueue } from '../../lib/socket/message-queue.js'

t.test('messages leave in order of arrival', async (t) => {
  const inbox = new MessageQueue()
  t.equal(inbox.isEmpty, true)
  t.equal(inbox.take(), undefined)
  inbox.put(Buffer.from('a'), false)
  inbox.put(Buffer.from('b'), true)
  t.same(inbox.take(), { data: Buffer.from('a'), isBinary: false })
  inbox.put(Buffer.from('c'), false)
  t.equal(inbox.take()?.data.toString(), 'b')
  t.equal(inbox.take()?.data.toString(), 'c')
  t.equal(inbox.isEmpty, true)
})

t.test('the weight of a queue counts empty messages too', async (t) => {
  const inbox = new MessageQueue()
  inbox.put(Buffer.alloc(0), false)
  const empty = inbox.weight
  t.ok(empty > 0)
  inbox.put(Buffer.alloc(100), true)
  t.equal(inbox.weight, 2 * empty + 100)
  inbox.take()
  t.equal(inbox.weight, empty + 100)
  inbox.clear()
  t.equal(inbox.weight, 0)
})

t.test('a queue that is never empty releases the entries of messages that were taken', async (t) => {
  const inbox = new MessageQueue()
  for (let i = 0; i < 100; i++) inbox.put(Buffer.from(String(i)), false)
  for (let i = 0; i < 100_000; i++) {
    inbox.put(Buffer.from(String(100 + i)), false)
    if (inbox.take()?.data.toString() !== String(i)) t.fail('the order is lost')
  }
  t.ok(inbox.places <= 300, String(inbox.places))
})
