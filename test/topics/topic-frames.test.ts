import t from 'tap'
import { TopicDelivery } from '../../lib/topics/topic-frames.js'

const MESSAGE = { id: 'i', data: Buffer.from('data'), isBinary: true, kind: '', cursor: 'c', prev: 'p' }

t.test('each form of a message is encoded once, and compressed unless its publisher turns that off', async (t) => {
  for (const isCompressible of [undefined, true, false]) {
    const delivery = new TopicDelivery('/a', { ...MESSAGE, isCompressible }, 'p')
    for (const form of ['plain', 'live'] as const) {
      t.equal(delivery[form].isCompressible, isCompressible ?? true)
      t.equal(delivery[form].isBinary, true)
      t.equal(delivery[form], delivery[form])
    }
  }
})

t.test('the prev of a frame is the last message sent to its receivers, which may not be its predecessor', async (t) => {
  const { live } = new TopicDelivery('/a', MESSAGE, 'before')
  t.match(String(live.payload), '"cursor":"c","prev":"before"}\ndata')
})
