import { readFileSync } from 'node:fs'
import t from 'tap'
import wabt from 'wabt'
import { KERNEL } from '../../lib/codec/kernel.js'

t.test('the kernel is what its source says', async (t) => {
  const { parseWat } = await wabt()
  const { buffer } = parseWat('unmask.wat', readFileSync(new URL('../../lib/codec/unmask.wat', import.meta.url), 'utf8'), { simd: true }).toBinary({})
  t.equal(KERNEL, Buffer.from(buffer).toString('base64'))
})
