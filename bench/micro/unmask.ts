import { unmask } from '../../lib/codec/unmask.js'
import { noise } from '../payload.js'
import type { Case } from './measure.js'

const MASK = 0x78563412

// Behind a head of 8 bytes, and behind one of 6, which lies on no word.
const OFFSETS = [8, 6]

export const unmaskCases: Case[] = [16, 64, 256, 1024, 16_384, 65_536].flatMap((bytes) => OFFSETS.map((start) => {
  const chunk = noise(start + bytes)
  return {
    name: `unmask ${bytes} B at ${start}`,
    bytes,
    run: (operations) => { for (; operations > 0; operations--) unmask(chunk, start, start + bytes, MASK, 0) }
  }
}))
