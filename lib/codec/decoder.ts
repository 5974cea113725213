import {
  FragmentedControl, LengthTooLarge, NonMinimalLength, OversizedControl, ReservedBits, ReservedOpcode, UnmaskedFrame,
  type Fault
} from '../errors.js'
import { FRAME_COST, PAYLOAD_SHIFT, spend } from './budget.js'
import { isControl, isReserved } from './opcode.js'
import * as receiveBuffer from './receive-buffer.js'
import { rotateKey } from './unmask.js'

/** Receives the output of a decoder. Each method returns whether to continue; the decoder stops at once on `false`. */
export interface FrameHandler {
  /**
   * Called with the header of a frame, before any payload. Limits on the length are checked here.
   * @param isCompressed whether RSV1 is set, which marks a compressed message (RFC 7692 §6)
   */
  frame (opcode: number, fin: boolean, isCompressed: boolean, length: number): boolean
  /**
   * Called with each piece of the payload, still masked, in `[start, end)` of the receive buffer. An empty payload is
   * one empty piece.
   * @param key the masking key, rotated to `start`
   * @param isLast whether this piece ends the payload
   */
  payload (start: number, end: number, key: number, isLast: boolean): boolean
  fault (error: Fault): void
}

// 2 bytes, 8 bytes of extended length, 4 bytes of masking key.
const MAX_HEAD_LENGTH = 14

const RSV1 = 0x40
const RSV2_RSV3 = 0x30

/**
 * Splits the bytes of a client into frames (RFC 6455 §5.2), independent of how they are split into chunks. Payload is
 * passed on in place, in the receive buffer. Between two chunks the decoder keeps only an incomplete header.
 *
 *   header (2–14 bytes, kept while incomplete) → handler.frame → payload pieces → handler.payload → header …
 */
export class Decoder {
  readonly #handler: FrameHandler
  /** Whether permessage-deflate was negotiated, so RSV1 may be set. */
  readonly #allowsCompressed: boolean
  #head: Buffer | undefined
  #headLength = 0
  /** Bytes of the payload still to come; -1 between two frames. */
  #remaining = -1
  #key = 0

  constructor (handler: FrameHandler, allowsCompressed: boolean) {
    this.#handler = handler
    this.#allowsCompressed = allowsCompressed
  }

  /**
   * Decodes `[from, length)` of the receive buffer.
   * @returns the offset where it stopped: less than `length` if the handler returned false or the budget is exhausted
   */
  read (from: number, length: number): number {
    let at = from
    while (at < length || this.#remaining === 0) {
      if (this.#remaining < 0) {
        at = this.#readHead(at, length)
        if (at < 0) return length
        continue
      }
      const size = Math.min(length - at, this.#remaining)
      const key = this.#key
      const isLast = size === this.#remaining
      if (isLast) {
        this.#remaining = -1
      } else {
        this.#remaining -= size
        this.#key = rotateKey(key, size)
      }
      at += size
      const mayContinue = this.#handler.payload(at - size, at, key, isLast)
      if (!spend(FRAME_COST + (size >>> PAYLOAD_SHIFT)) || !mayContinue) return at
    }
    return at
  }

  /** Returns the offset of the payload, or -1 if the header is incomplete or invalid. */
  #readHead (at: number, end: number): number {
    if (this.#headLength === 0) {
      const length = this.#parseHead(receiveBuffer.bytes, at, end)
      if (length > 0) return at + length
      if (length === 0) this.#keep(at, end)
      return -1
    }
    // The header began in an earlier chunk. Copy up to its maximum length; payload bytes among them are read again.
    const kept = this.#headLength
    const head = this.#keep(at, Math.min(end, at + MAX_HEAD_LENGTH - kept))
    const length = this.#parseHead(head, 0, this.#headLength)
    if (length === 0) return -1
    this.#headLength = 0
    this.#head = undefined
    return length < 0 ? -1 : at + length - kept
  }

  #keep (start: number, end: number): Buffer {
    const head = this.#head ??= Buffer.allocUnsafe(MAX_HEAD_LENGTH)
    this.#headLength += receiveBuffer.bytes.copy(head, this.#headLength, start, end)
    return head
  }

  /** Returns the length of the header, 0 if it is incomplete, or -1 if it is invalid. */
  #parseHead (bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return 0
    const first = bytes[at] as number
    const second = bytes[at + 1] as number
    const opcode = first & 0x0f
    const fin = (first & 0x80) !== 0
    const isCompressed = (first & RSV1) !== 0
    const short = second & 0x7f
    if ((first & RSV2_RSV3) !== 0 || (isCompressed && !this.#allowsCompressed)) return this.#refuse(new ReservedBits())
    if (isReserved(opcode)) return this.#refuse(new ReservedOpcode(opcode))
    if ((second & 0x80) === 0) return this.#refuse(new UnmaskedFrame())
    if (isControl(opcode)) {
      if (!fin) return this.#refuse(new FragmentedControl())
      if (short > 125) return this.#refuse(new OversizedControl())
    }
    let length = short
    let next = at + 2
    if (short === 126) {
      if (end < next + 2) return 0
      length = bytes.readUInt16BE(next)
      if (length < 126) return this.#refuse(new NonMinimalLength())
      next += 2
    } else if (short === 127) {
      if (end < next + 8) return 0
      const high = bytes.readUInt32BE(next)
      if (high > 0x7fffffff) return this.#refuse(new LengthTooLarge())
      // Above 2^53 this is inexact, but still above every limit.
      length = high * 0x1_0000_0000 + bytes.readUInt32BE(next + 4)
      if (length < 0x1_0000) return this.#refuse(new NonMinimalLength())
      next += 8
    }
    if (end < next + 4) return 0
    this.#key = bytes.readInt32LE(next)
    this.#remaining = length
    return this.#handler.frame(opcode, fin, isCompressed, length) ? next + 4 - at : -1
  }

  #refuse (error: Fault): -1 {
    this.#handler.fault(error)
    return -1
  }
}
