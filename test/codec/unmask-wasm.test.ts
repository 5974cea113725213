import { readFileSync } from 'node:fs'
import t from 'tap'
import wabt from 'wabt'
import { UNMASK_WASM } from '../../lib/codec/unmask-wasm.js'

t.test('the WASM module matches its source', async (t) => {
  const { parseWat } = await wabt()
  const { buffer } = parseWat('unmask.wat', readFileSync(new URL('../../lib/codec/unmask.wat', import.meta.url), 'utf8'), { simd: true }).toBinary({})
  t.equal(UNMASK_WASM, Buffer.from(buffer).toString('base64'))
})
