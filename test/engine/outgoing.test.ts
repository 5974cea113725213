import t from 'tap'
import { Outgoing } from '../../lib/engine/outgoing.js'

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
    publishTimeout,
    send: (message, isAgain) => new Promise((resolve, reject) => sent.push({ message, isAgain, resolve, reject })),
    isFinal: (error) => (error as Error).message === 'final',
    isConnected: () => link.isConnected
  })
  return { outgoing, sent, link }
}

const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

t.test('messages wait for the connection, and are sent in order', async (t) => {
  const { outgoing, sent } = make()
  const accepted = Promise.all([outgoing.publish('a'), outgoing.publish('b')])
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
  const accepted = Promise.all(['a', 'b', 'c'].map((message) => outgoing.publish(message)))
  link.isConnected = false
  sent[0]!.resolve('1')
  sent[1]!.reject(new Error('broken'))
  sent[2]!.reject(new Error('broken'))
  await settled()
  const last = outgoing.publish('d')
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
  const accepted = outgoing.publish('a')
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
  const [first, second] = [outgoing.publish('a'), outgoing.publish('b')]
  sent[0]!.reject(new Error('final'))
  await t.rejects(first, { message: 'final' })
  sent[1]!.resolve('2')
  t.strictSame(await second, { cursor: '2' })
  outgoing.close()
})

t.test('a message whose time is over rejects, and its late answer means nothing', async (t) => {
  const { outgoing, sent } = make(20)
  outgoing.resume()
  await t.rejects(outgoing.publish('a'), { code: 'FST_WIRE_PUBLISH_TIMEOUT', message: /within 20 ms/ })
  sent[0]!.resolve('1')
  sent[0]!.reject(new Error('late'))
  const kept = outgoing.publish('b')
  sent[1]!.resolve('2')
  t.strictSame(await kept, { cursor: '2' })
  outgoing.close()
})

t.test('close() rejects what is unanswered, and all that comes later', async (t) => {
  const { outgoing, sent } = make()
  outgoing.resume()
  const first = outgoing.publish('a')
  sent[0]!.reject(new Error('loading'))
  await settled()
  outgoing.close()
  await t.rejects(first, { code: 'FST_WIRE_ENGINE_CLOSED' })
  await t.rejects(outgoing.publish('b'), { code: 'FST_WIRE_ENGINE_CLOSED' })
  outgoing.resume()
  outgoing.close()
})
