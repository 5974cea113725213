import t from 'tap'
import { isThenable } from '../../lib/socket/thenable.js'

t.test('promises of any library are thenable, other values are not', async (t) => {
  for (const value of [Promise.resolve(), { then () {} }]) t.equal(isThenable(value), true)
  for (const value of [undefined, null, 1, 'then', {}, { then: 1 }]) t.equal(isThenable(value), false)
})
