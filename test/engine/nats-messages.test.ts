import t from 'tap'
import {
  cursorAt, cursorOf, decodeStored, encodeStored, publishedAt, retentionOf, sequenceOf, stampOf
} from '../../lib/engine/nats-messages.js'

t.test('a decoded message equals the encoded one, whether its id is a tag or not', async (t) => {
  for (const id of ['order-17', 'ü . \n']) {
    const publication = { id, data: Buffer.from('data ü\n'), isBinary: true, isCompressible: false, kind: 'k' }
    const stamp = stampOf(id)
    const bytes = encodeStored(publication, stamp, { size: 10, ttl: 60_000 })
    const cursor = cursorAt(7, bytes)
    t.equal(cursor, cursorOf('7', stamp))
    t.strictSame(decodeStored(bytes, cursor, 'prev'), { ...publication, cursor, prev: 'prev' })
    t.strictSame(retentionOf(bytes), { size: 10, ttl: 60_000 })
  }
})

t.test('a cursor contains the sequence of its message and the time of its publication', async (t) => {
  const before = Date.now()
  const cursor = cursorOf(12, stampOf('a.b'))
  t.equal(sequenceOf(cursor), 12)
  t.ok(before <= publishedAt(cursor)! && publishedAt(cursor)! <= Date.now())
})

t.test('a cursor that names no message has no sequence and no time', async (t) => {
  t.equal(sequenceOf('0.created'), 0)
  t.equal(publishedAt('0.created'), undefined)
  for (const cursor of ['', 'x', '1', '-1.a', 'a-b.c', '1-.a', '1-A.a', `${'1'.repeat(16)}-a.a`, `1-${'a'.repeat(10)}.a`]) {
    t.equal(sequenceOf(cursor), 0, cursor)
    t.equal(publishedAt(cursor), undefined, cursor)
  }
})
