import t from 'tap'
import { copyOf } from '../../lib/transport/copies.js'

t.test('the same bytes that are copied again within the tick are one copy', async (t) => {
  const bytes = Buffer.from('bytes')
  const copy = copyOf(bytes)
  t.same(copy, bytes)
  t.not(copy, bytes)
  t.equal(copyOf(bytes), copy)
  const other = copyOf(Buffer.from('bytes'))
  t.not(other, copy)
  await new Promise(process.nextTick)
  t.not(copyOf(bytes), copy, 'after the tick nothing is kept')
})

t.test('bytes that have changed since are copied anew, and the first copy stays as it is', async (t) => {
  const bytes = Buffer.from('first')
  const first = copyOf(bytes)
  bytes.write('other')
  t.equal(copyOf(bytes).toString(), 'other')
  t.equal(first.toString(), 'first')
})
