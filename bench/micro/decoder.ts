import { Decoder, type FrameHandler } from '../../lib/codec/decoder.js'
import { BINARY, clientFrame } from '../generator/frames.js'
import { noise } from '../payload.js'
import type { Case } from './measure.js'

// What a read brings at most.
const CHUNK = 65_536

/** Counts, so that no call can be left out. */
class Counter implements FrameHandler {
  frames = 0

  frame (): boolean { return true }

  payload (_bytes: Buffer, _start: number, _end: number, ends: boolean): boolean {
    if (ends) this.frames++
    return true
  }

  fault (error: Error): void { throw error }
}

/** Chunks full of whole frames. Payloads are unmasked in place, which masks them again the next time. */
export const decoderCases: Case[] = [64, 1024, 16_384].map((bytes) => {
  const frame = clientFrame(BINARY, noise(bytes))
  const count = Math.max(1, Math.floor(CHUNK / frame.length))
  const chunk = Buffer.concat(new Array<Buffer>(count).fill(frame))
  const handler = new Counter()
  const decoder = new Decoder(handler)
  return {
    name: `decode a frame of ${bytes} B`,
    bytes,
    run: (operations) => {
      const until = handler.frames + operations
      while (handler.frames < until) decoder.read(chunk)
    }
  }
})
