// Assembles lib/codec/unmask.wat into lib/codec/unmask-wasm.ts, which is all that runs. Part of `npm run build`.
import { readFileSync, writeFileSync } from 'node:fs'
import wabt from 'wabt'

const { parseWat } = await wabt()
const source = new URL('lib/codec/unmask.wat', import.meta.url)
const { buffer } = parseWat('unmask.wat', readFileSync(source, 'utf8'), { simd: true }).toBinary({})
writeFileSync(new URL(
  'lib/codec/unmask-wasm.ts', import.meta.url
), `// Assembled from unmask.wat by \`npm run build\`: change that, not this.
export const UNMASK_WASM = '${Buffer.from(buffer).toString('base64')}'
`)
