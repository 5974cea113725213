import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { createUnmask, type Unmask } from '../../lib/codec/unmask.js'
import type { Case } from './measure.js'

const KEY = 0x78563412

// Behind a head of 8 bytes, and behind one of 6, which lies on no word.
const OFFSETS = [8, 6]

const WAYS: ReadonlyArray<readonly [string, Unmask]> = [
  ['kernel', receiveBuffer.unmask], ['TypeScript', createUnmask(receiveBuffer.view)]
]

export const unmaskCases: Case[] = WAYS.flatMap(([way, unmask]) => [
  16, 64, 256, 1024, 16_384, 65_536
].flatMap((bytes) => OFFSETS.map((start) => ({
  name: `unmask ${bytes} B at ${start}, ${way}`,
  bytes,
  run: (operations: number) => { for (; operations > 0; operations--) unmask(start, start + bytes, KEY) }
}))))
