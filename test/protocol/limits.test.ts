import t from 'tap'
import { fragmentsFor, withMaxPayload } from '../../lib/protocol/limits.js'

t.test('by default a message may consist of fragments of 64 bytes', async (t) => {
  t.equal(fragmentsFor(0), 1024)
  t.equal(fragmentsFor(65_472), 1024)
  t.equal(fragmentsFor(65_473), 1025)
  t.equal(fragmentsFor(1_048_576), 16_385)
})

t.test('the default fragment limit follows maxPayload, a given one is kept', async (t) => {
  t.same(withMaxPayload({ maxPayload: 16, maxFragments: 1024 }, 1_048_576), {
    maxPayload: 1_048_576, maxFragments: 16_385
  })
  t.same(withMaxPayload({ maxPayload: 1_048_576, maxFragments: 16_385 }, 16), { maxPayload: 16, maxFragments: 1024 })
  t.same(withMaxPayload({ maxPayload: 16, maxFragments: 3 }, 1_048_576), { maxPayload: 1_048_576, maxFragments: 3 })
})
