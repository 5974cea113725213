import { writeFrame, writeTextFrame, type Output } from '../../lib/codec/encoder.js'
import { BINARY, TEXT } from '../../lib/codec/opcode.js'
import { noise } from '../payload.js'
import type { Case } from './measure.js'

/** Overwrites the same chunk again and again. */
class Slab implements Output {
  readonly isStalled = false
  readonly chunk = Buffer.allocUnsafeSlow(65_536)
  #used = 0

  reserve (length: number): number {
    if (this.#used + length > this.chunk.length) this.#used = 0
    this.#used += length
    return this.#used - length
  }

  append (): void {}

  borrow (): void {}

  share (): void {}
}

const output = new Slab()

export const encoderCases: Case[] = [64, 1024, 16_384].flatMap((bytes): Case[] => {
  const payload = noise(bytes)
  const text = 'x'.repeat(bytes)
  return [
    {
      name: `encode ${bytes} B of binary`,
      bytes,
      run: (operations) => { for (; operations > 0; operations--) writeFrame(output, BINARY, true, payload) }
    },
    {
      name: `encode ${bytes} B of text`,
      bytes,
      run: (operations) => { for (; operations > 0; operations--) writeTextFrame(output, TEXT, true, text) }
    }
  ]
})
