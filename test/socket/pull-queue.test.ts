import t from 'tap'
import { MessageQueue } from '../../lib/socket/message-queue.js'
import { PullQueue } from '../../lib/socket/pull-queue.js'

const setUp = () => {
  const inbox = new MessageQueue()
  const state: { code: number | undefined } = { code: undefined }
  const take = () => {
    const message = inbox.take()
    return message === undefined
      ? undefined
      : { done: false as const, value: message.isBinary ? message.data : message.data.toString() }
  }
  const more: string[] = []
  // Taking a message makes room for one that waits elsewhere, which then arrives at once.
  const puller: PullQueue = new PullQueue(take, () => state.code, () => {
    const next = more.shift()
    if (next === undefined) return
    inbox.put(Buffer.from(next), false)
    puller.settle()
  })
  return { inbox, state, more, puller }
}

t.test('pulls are served in order', async (t) => {
  const { inbox, puller } = setUp()
  const asked = [puller.pull(), puller.pull()]
  inbox.put(Buffer.from('a'), false)
  puller.settle()
  inbox.put(Buffer.from('b'), true)
  puller.settle()
  t.same(await Promise.all(asked), [{ done: false, value: 'a' }, { done: false, value: Buffer.from('b') }])
})

t.test('a message that arrives while a pull is served goes to the next pull', async (t) => {
  const { inbox, more, puller } = setUp()
  more.push('b', 'c')
  const asked = [puller.pull(), puller.pull(), puller.pull()]
  inbox.put(Buffer.from('a'), false)
  puller.settle()
  t.same((await Promise.all(asked)).map(({ value }) => value), ['a', 'b', 'c'])
})

t.test('messages before the close are served before the end', async (t) => {
  const { inbox, state, puller } = setUp()
  inbox.put(Buffer.from('a'), false)
  state.code = 1000
  t.same(await puller.pull(), { done: false, value: 'a' })
  t.same(await puller.pull(), { done: true, value: undefined })
})

t.test('an unclean close throws once', async (t) => {
  const { state, puller } = setUp()
  state.code = 1006
  await t.rejects(puller.pull(), { code: 'FST_WIRE_UNCLEAN_CLOSE' })
  t.same(await puller.pull(), { done: true, value: undefined })
})
