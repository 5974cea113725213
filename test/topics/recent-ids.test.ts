import t from 'tap'
import { RecentIds } from '../../lib/topics/recent-ids.js'

t.test('an id is new once, as long as it is remembered', async (t) => {
  const ids = new RecentIds(2)
  t.equal(ids.add('a'), true)
  t.equal(ids.add('a'), false)
  t.equal(ids.add('b'), true)
  t.equal(ids.add('a'), false, 'in the older generation')
  t.equal(ids.add('c'), true)
  t.equal(ids.add('d'), true)
  t.equal(ids.add('a'), true, 'forgotten')
})
