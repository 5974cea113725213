import t from 'tap'
import { RecentIds } from '../../lib/topics/recent-ids.js'

t.test('an id is new once, while it is remembered', async (t) => {
  const ids = new RecentIds(2)
  t.equal(ids.add('/t', 'a', 'c1'), true)
  t.equal(ids.add('/t', 'a', 'c2'), false)
  t.equal(ids.add('/t', 'b', 'c3'), true)
  t.equal(ids.add('/t', 'a', 'c4'), false, 'among the last two')
  t.equal(ids.add('/t', 'c', 'c5'), true)
  t.equal(ids.add('/t', 'd', 'c6'), true)
  t.equal(ids.add('/t', 'a', 'c7'), true, 'forgotten')
})

t.test('a message is repeated for a client whose cursor is at or after its first occurrence', async (t) => {
  const ids = new RecentIds(2)
  for (const [i, id] of ['a', 'b', 'c'].entries()) ids.add('/t', id, `c${i}`)
  t.equal(ids.isRepeated('/t', 'b', 'c1', 'c2'), false, 'the first time')
  t.equal(ids.isRepeated('/t', 'b', 'x1', 'c1'), true)
  t.equal(ids.isRepeated('/t', 'b', 'x1', 'c2'), true)
  t.equal(ids.isRepeated('/t', 'c', 'x1', 'c1'), false, 'the cursor is before it')
  t.equal(ids.isRepeated('/t', 'b', 'x1', 'c0'), false, 'the cursor is forgotten')
  t.equal(ids.isRepeated('/t', 'b', 'x1', 'unknown'), false)
  t.equal(ids.isRepeated('/t', 'new', 'x1', 'c2'), false)
})

t.test('the same id in another topic is another id', async (t) => {
  const ids = new RecentIds(4)
  t.equal(ids.isRepeated('/t', 'a', 'x1', 'c1'), false, 'before any message')
  t.equal(ids.add('/t', 'a', 'c1'), true)
  t.equal(ids.add('/u', 'a', 'c1'), true)
  t.equal(ids.add('/t', 'a', 'c2'), false)
  t.equal(ids.isRepeated('/v', 'a', 'x1', 'c1'), false)
  t.equal(ids.isRepeated('/u', 'a', 'x1', 'c1'), true)
})

t.test('of many more ids than are remembered, exactly the last ones are known', async (t) => {
  const size = 1_000
  const ids = new RecentIds(size)
  const nameOf = (i: number): string => `${i}-${'x'.repeat(i % 7)}`
  let added = 0
  for (let i = 0; i < 100 * size; i++) if (ids.add('/t', nameOf(i), `c${i}`)) added++
  t.equal(added, 100 * size)
  const last = added - 1
  let known = 0
  for (let i = 0; i < size; i++) if (!ids.add('/t', nameOf(last - i), 'again')) known++
  t.equal(known, size)
  t.equal(ids.add('/t', nameOf(last - size), 'again'), true)
})
