import t from 'tap'
import { RecentIds } from '../../lib/topics/recent-ids.js'

t.test('an id is new once, while it is remembered', async (t) => {
  const ids = new RecentIds(2)
  t.equal(ids.add('a', 'c1'), true)
  t.equal(ids.add('a', 'c2'), false)
  t.equal(ids.add('b', 'c3'), true)
  t.equal(ids.add('a', 'c4'), false, 'in the older generation')
  t.equal(ids.add('c', 'c5'), true)
  t.equal(ids.add('d', 'c6'), true)
  t.equal(ids.add('a', 'c7'), true, 'forgotten')
})

t.test('a message is repeated for a client whose cursor is at or after its first occurrence', async (t) => {
  const ids = new RecentIds(2)
  for (const [i, id] of ['a', 'b', 'c'].entries()) ids.add(id, `c${i}`)
  t.equal(ids.isRepeated('b', 'c1', 'c2'), false, 'the first time')
  t.equal(ids.isRepeated('b', 'x1', 'c1'), true)
  t.equal(ids.isRepeated('b', 'x1', 'c2'), true)
  t.equal(ids.isRepeated('b', 'x1', 'c0'), false, 'known up to before')
  t.equal(ids.isRepeated('b', 'x1', 'unknown'), false)
  t.equal(ids.isRepeated('new', 'x1', 'c2'), false)
})
