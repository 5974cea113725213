import { Decoder, type FrameHandler } from '../../lib/codec/decoder.js'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { takeBinary } from '../../lib/codec/payload.js'
import { BINARY, clientFrame } from '../generator/frames.js'
import { noise } from '../payload.js'
import type { Case } from './measure.js'

// The size of the receive buffer: no read is longer.
const CHUNK = 65_536

/** Copies each payload, as a protocol does. */
class Counter implements FrameHandler {
  frames = 0
  latest: Buffer | undefined

  frame (): boolean { return true }

  payload (start: number, end: number, key: number, ends: boolean): boolean {
    if (ends) this.frames++
    this.latest = takeBinary(start, end, key)
    return true
  }

  fault (error: Error): void { throw error }
}

/** Each chunk is full of complete frames. They are unmasked in place, so every second pass masks them again. */
export const decoderCases: Case[] = [64, 1024, 16_384].map((bytes) => {
  const frame = clientFrame(BINARY, noise(bytes))
  const count = Math.max(1, Math.floor(CHUNK / frame.length))
  const chunk = Buffer.concat(new Array<Buffer>(count).fill(frame))
  const handler = new Counter()
  const decoder = new Decoder(handler, false)
  return {
    name: `decode and take ${bytes} B`,
    bytes,
    run: (operations) => {
      const until = handler.frames + operations
      chunk.copy(receiveBuffer.bytes)
      while (handler.frames < until) decoder.read(0, chunk.length)
    }
  }
})
