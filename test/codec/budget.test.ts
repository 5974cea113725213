import t from 'tap'
import { grant, remaining, spend } from '../../lib/codec/budget.js'

t.teardown(() => { grant() })

t.test('a budget is spent until nothing is left, and a single step may exceed it', async (t) => {
  grant(5)
  t.equal(spend(2), true)
  t.equal(remaining(), 3)
  t.equal(spend(3), false)
  t.equal(spend(1_000), false)
  t.equal(remaining(), -1_000)
  grant(1)
  t.equal(remaining(), 1)
})

t.test('a step without a budget has no limit', async (t) => {
  grant()
  t.equal(spend(1_000_000), true)
})
