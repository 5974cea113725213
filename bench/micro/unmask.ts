import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { createUnmask, type Unmask } from '../../lib/codec/unmask.js'
import type { Case } from './measure.js'

const KEY = 0x78563412

// After a head of 8 bytes, and after one of 6 bytes, where the payload is not aligned to words.
const OFFSETS = [8, 6]

const WAYS: ReadonlyArray<readonly [string, Unmask]> = [
  ['WebAssembly', receiveBuffer.unmask], ['TypeScript', createUnmask(receiveBuffer.view)]
]

export const unmaskCases: Case[] = WAYS.flatMap(([way, unmask]) => [
  16, 64, 256, 1024, 16_384, 65_536
].flatMap((bytes) => OFFSETS.map((start) => ({
  name: `unmask ${bytes} B at ${start}, ${way}`,
  bytes,
  run: (operations: number) => { for (; operations > 0; operations--) unmask(start, start + bytes, KEY) }
}))))
