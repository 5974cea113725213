import t from 'tap'
import { readCorpus } from './corpus.js'
import { countAllocations, TARGETS, type TargetName } from './targets.js'

t.test('every input of the corpus passes', async (t) => {
  for (const name of Object.keys(TARGETS) as TargetName[]) {
    const inputs = readCorpus(name)
    t.ok(inputs.length > 5, `${name} has ${inputs.length} inputs`)
    for (const input of inputs) TARGETS[name](input)
  }
})

t.test('buffer allocations are counted', async (t) => {
  t.same(countAllocations(() => {
    Buffer.allocUnsafe(10)
    Buffer.allocUnsafeSlow(30)
    Buffer.allocUnsafeSlow(20)
  }), { largest: 30, total: 60 })
  const { allocUnsafe } = Buffer
  t.throws(() => { countAllocations(() => { throw new Error('within') }) }, /within/)
  t.equal(Buffer.allocUnsafe, allocUnsafe)
})
