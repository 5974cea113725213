import { isUtf8 } from 'node:buffer'
import { Assembly } from '../codec/assembly.js'
import { Decoder, type FrameHandler } from '../codec/decoder.js'
import { writeFrame, writeTextFrame } from '../codec/encoder.js'
import { BINARY, CLOSE, CONTINUATION, isControl, PING, PONG, TEXT } from '../codec/opcode.js'
import { Utf8Validator } from '../codec/utf8.js'
import {
  ControlTooLong, InvalidUtf8, MessageTooBig, MissingContinuation, TooManyFragments, UnexpectedContinuation, type Fault
} from '../errors.js'
import { ABNORMAL, decodeClose, encodeClose } from './close.js'
import type { Limits, Protocol, ProtocolState, Sink } from './protocol.js'

const NOTHING = Buffer.alloc(0)

/**
 * RFC 6455, and drafts 7 and 8, whose frames are the same.
 *
 *   messages received:   none ──first frame, not last──▶ in fragments ──last continuation──▶ none
 *                        none ──first frame, last──────▶ none
 *
 * Control frames come and go in either state (§5.5).
 */
export class Rfc6455 implements Protocol, FrameHandler {
  readonly version: '13' | '8' | '7'
  state: ProtocolState = 'open'
  closeCode = ABNORMAL
  closeReason: Buffer = NOTHING

  readonly #sink: Sink
  readonly #limits: Limits
  readonly #decoder: Decoder

  // The frame that is being received.
  #opcode = 0
  #isLast = false
  #control: Assembly | undefined

  // The message that is being received: TEXT, BINARY, or 0 for none.
  #message = 0
  #fragments = 0
  #announced = 0
  #assembly: Assembly | undefined
  #validator: Utf8Validator | undefined

  /** Whether the message that is being sent has begun in an earlier frame. */
  #sendingFragments = false

  constructor (sink: Sink, limits: Limits, version: '13' | '8' | '7' = '13') {
    this.#sink = sink
    this.#limits = limits
    this.version = version
    this.#decoder = new Decoder(this)
  }

  receive (bytes: Buffer): void {
    if (this.state !== 'closed') this.#decoder.read(bytes)
  }

  receiveEnd (): void {
    this.#finish()
  }

  send (payload: string | Buffer, isBinary: boolean, isLast: boolean): void {
    if (this.state !== 'open') return
    const opcode = this.#sendingFragments ? CONTINUATION : isBinary ? BINARY : TEXT
    this.#sendingFragments = !isLast
    if (typeof payload === 'string') writeTextFrame(this.#sink, opcode, isLast, payload)
    else writeFrame(this.#sink, opcode, isLast, payload)
  }

  ping (payload: Buffer): void {
    this.#sendControl(PING, payload)
  }

  pong (payload: Buffer): void {
    this.#sendControl(PONG, payload)
  }

  close (code?: number, reason?: string | Buffer): void {
    const payload = encodeClose(code, reason)
    if (this.state !== 'open') return
    this.#sendControl(CLOSE, payload)
    this.state = 'closing'
  }

  #sendControl (opcode: number, payload: Buffer): void {
    if (payload.length > 125) throw new ControlTooLong(payload.length)
    if (this.state === 'open') writeFrame(this.#sink, opcode, true, payload)
  }

  // FrameHandler

  frame (opcode: number, isLast: boolean, length: number): boolean {
    this.#opcode = opcode
    this.#isLast = isLast
    if (isControl(opcode)) return true
    if (opcode === CONTINUATION) {
      if (this.#message === 0) return this.#refuse(new UnexpectedContinuation())
    } else {
      if (this.#message !== 0) return this.#refuse(new MissingContinuation())
      this.#message = opcode
      this.#fragments = 0
      this.#announced = 0
    }
    // Both limits hold before a byte of the payload is kept.
    this.#announced += length
    if (this.#announced > this.#limits.maxPayload) return this.#refuse(new MessageTooBig(this.#limits.maxPayload))
    if (++this.#fragments > this.#limits.maxFragments) return this.#refuse(new TooManyFragments(this.#limits.maxFragments))
    return true
  }

  payload (bytes: Buffer, start: number, end: number, ends: boolean): boolean {
    if (isControl(this.#opcode)) return this.#receiveControl(bytes, start, end, ends)
    if (ends && this.#isLast && this.#assembly === undefined) return this.#receiveWhole(bytes, start, end)
    if (this.#message === TEXT) {
      this.#validator ??= new Utf8Validator()
      if (!this.#validator.append(bytes, start, end)) return this.#refuse(new InvalidUtf8())
    }
    this.#assembly ??= new Assembly()
    this.#assembly.append(bytes, start, end)
    if (!ends || !this.#isLast) return true
    if (this.#validator?.end() === false) return this.#refuse(new InvalidUtf8())
    const data = this.#assembly.take()
    this.#assembly = undefined
    this.#validator = undefined
    return this.#tell(data)
  }

  fault (error: Fault): void {
    this.#sink.fault(error)
    this.close(error.closeCode)
    this.#finish()
  }

  #refuse (error: Fault): false {
    this.fault(error)
    return false
  }

  // The usual case, a message of one frame in one chunk: one check, one copy.
  #receiveWhole (bytes: Buffer, start: number, end: number): boolean {
    const view = bytes.subarray(start, end)
    if (this.#message === TEXT && !isUtf8(view)) return this.#refuse(new InvalidUtf8())
    return this.#tell(Buffer.from(view))
  }

  #tell (data: Buffer): boolean {
    const isBinary = this.#message === BINARY
    this.#message = 0
    this.#sink.message(data, isBinary)
    return this.#goesOn()
  }

  #receiveControl (bytes: Buffer, start: number, end: number, ends: boolean): boolean {
    if (!ends || this.#control !== undefined) {
      this.#control ??= new Assembly()
      this.#control.append(bytes, start, end)
      if (!ends) return true
    }
    const payload = this.#control?.take() ?? Buffer.from(bytes.subarray(start, end))
    this.#control = undefined
    if (this.#opcode === CLOSE) {
      this.#receiveClose(payload)
    } else if (this.#opcode === PING) {
      // §5.5.2; after our close nothing may follow.
      this.pong(payload)
      this.#sink.ping(payload)
    } else {
      this.#sink.pong(payload)
    }
    return this.#goesOn()
  }

  #receiveClose (payload: Buffer): void {
    const status = decodeClose(payload)
    if (status instanceof Error) {
      this.fault(status)
      return
    }
    this.closeCode = status.code
    this.closeReason = status.reason
    // §5.5.1: the code that was received is echoed.
    if (this.state === 'open') writeFrame(this.#sink, CLOSE, true, payload.subarray(0, 2))
    this.#finish()
  }

  // What the Sink is told may close the conversation.
  #goesOn (): boolean {
    return this.state !== 'closed'
  }

  #finish (): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#assembly = undefined
    this.#sink.end()
  }
}
