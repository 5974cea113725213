import {
  FragmentedControl, LengthTooLarge, NonMinimalLength, OversizedControl, ReservedBits, ReservedOpcode, UnmaskedFrame, type Fault
} from '../errors.js'
import { FRAME_COST, PAYLOAD_SHIFT, spend } from './budget.js'
import { isControl, isReserved } from './opcode.js'
import * as receiveBuffer from './receive-buffer.js'
import { turnKey } from './unmask.js'

/** What a decoder tells. Each call answers whether to go on: after `false` the decoder stops where it is. */
export interface FrameHandler {
  /**
   * The head of a frame, before any of its payload: the place to refuse a length.
   * @param isCompressed whether RSV1 is set, which permessage-deflate gives a meaning (RFC 7692 §6)
   */
  frame (opcode: number, fin: boolean, isCompressed: boolean, length: number): boolean
  /**
   * A piece of the payload, in `[start, end)` of the receive buffer, still masked; `ends` with the last one. A payload of
   * length 0 is one empty piece.
   * @param key the masking key as it falls to `start`
   */
  payload (start: number, end: number, key: number, ends: boolean): boolean
  fault (error: Fault): void
}

// 2 bytes, 8 of extended length, 4 of mask.
const LONGEST_HEAD = 14

const RSV1 = 0x40
const RSV2_RSV3 = 0x30

/**
 * Cuts what a client sends into frames (RFC 6455 §5.2), however it is cut into chunks. Payload is handed on where it
 * lies in the receive buffer; all that is kept between two chunks is a head that is not complete.
 *
 *   head (2–14 bytes, kept while incomplete) → handler.frame → payload pieces → handler.payload → head …
 */
export class Decoder {
  readonly #handler: FrameHandler
  /** Whether an extension gives RSV1 a meaning. */
  readonly #takesCompressed: boolean
  #head: Buffer | undefined
  #headLength = 0
  /** Bytes of the payload that have not come; -1 between two frames. */
  #remaining = -1
  #key = 0

  constructor (handler: FrameHandler, takesCompressed: boolean) {
    this.#handler = handler
    this.#takesCompressed = takesCompressed
  }

  /** Walks `[from, length)` of the receive buffer. Returns where it stopped: before `length` when the handler or the budget says so. */
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
      const ends = size === this.#remaining
      if (ends) {
        this.#remaining = -1
      } else {
        this.#remaining -= size
        this.#key = turnKey(key, size)
      }
      at += size
      const goesOn = this.#handler.payload(at - size, at, key, ends)
      if (!spend(FRAME_COST + (size >>> PAYLOAD_SHIFT)) || !goesOn) return at
    }
    return at
  }

  /** Returns where the payload begins, or -1 when the head is not complete or was refused. */
  #readHead (at: number, end: number): number {
    if (this.#headLength === 0) {
      const length = this.#parseHead(receiveBuffer.bytes, at, end)
      if (length > 0) return at + length
      if (length === 0) this.#keep(at, end)
      return -1
    }
    // A head that began in an earlier chunk: as many bytes as one can have, of which those of the payload stay.
    const kept = this.#headLength
    const head = this.#keep(at, Math.min(end, at + LONGEST_HEAD - kept))
    const length = this.#parseHead(head, 0, this.#headLength)
    if (length === 0) return -1
    this.#headLength = 0
    this.#head = undefined
    return length < 0 ? -1 : at + length - kept
  }

  #keep (start: number, end: number): Buffer {
    const head = this.#head ??= Buffer.allocUnsafe(LONGEST_HEAD)
    this.#headLength += receiveBuffer.bytes.copy(head, this.#headLength, start, end)
    return head
  }

  /** Returns the length of the head, 0 when it is not complete, or -1 when it was refused. */
  #parseHead (bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return 0
    const first = bytes[at] as number
    const second = bytes[at + 1] as number
    const opcode = first & 0x0f
    const fin = (first & 0x80) !== 0
    const isCompressed = (first & RSV1) !== 0
    const short = second & 0x7f
    if ((first & RSV2_RSV3) !== 0 || (isCompressed && !this.#takesCompressed)) return this.#refuse(new ReservedBits())
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
      // Over 2^53 this is not exact, but still over every limit.
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
