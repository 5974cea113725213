import t from 'tap'
import { copyOf } from '../../lib/transport/copies.js'

t.test('bytes that are copied again within the tick share one copy', async (t) => {
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

t.test('bytes that have changed are copied again, and the first copy stays unchanged', async (t) => {
  const bytes = Buffer.from('first')
  const first = copyOf(bytes)
  bytes.write('other')
  t.equal(copyOf(bytes).toString(), 'other')
  t.equal(first.toString(), 'first')
})
