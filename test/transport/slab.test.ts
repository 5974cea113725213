import t from 'tap'
import { closeRegion, extend, isLast, openRegion, slab, SLAB_SIZE } from '../../lib/transport/slab.js'

t.test('regions are adjacent, and only the last one can grow', async (t) => {
  t.equal(openRegion(10), 0)
  t.equal(isLast(10), true)
  extend(12)
  t.equal(openRegion(8), 12)
  t.equal(isLast(12), false)
  t.equal(isLast(20), true)
})

t.test('a slab is reused from its start when all regions have left', async (t) => {
  const before = slab
  closeRegion()
  t.equal(isLast(20), true)
  closeRegion()
  t.equal(openRegion(5), 0)
  t.equal(slab, before)
  closeRegion()
})

t.test('a region that does not fit into a slab goes into a new one', async (t) => {
  const before = slab
  openRegion(SLAB_SIZE - 1)
  t.equal(slab, before)
  t.equal(openRegion(2), 0)
  t.not(slab, before)
  t.equal(slab.length, SLAB_SIZE)
})
