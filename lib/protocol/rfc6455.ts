import { Assembly } from '../codec/assembly.js'
import { Decoder, type FrameHandler } from '../codec/decoder.js'
import { writeFrame, writeTextFrame, type Output } from '../codec/encoder.js'
import { BINARY, CLOSE, CONTINUATION, isControl, PING, PONG, TEXT } from '../codec/opcode.js'
import * as page from '../codec/page.js'
import { takeBinary, takeText } from '../codec/payload.js'
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
  readonly #output: Output
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

  constructor (sink: Sink, output: Output, limits: Limits, version: '13' | '8' | '7' = '13') {
    this.#sink = sink
    this.#output = output
    this.#limits = limits
    this.version = version
    this.#decoder = new Decoder(this, false)
  }

  receive (length: number): void {
    if (this.state !== 'closed') this.#decoder.read(0, length)
  }

  receiveEnd (): void {
    this.#finish()
  }

  send (payload: string | Buffer, isBinary: boolean, isLast: boolean): number {
    if (this.state !== 'open') return 0
    const opcode = this.#sendingFragments ? CONTINUATION : isBinary ? BINARY : TEXT
    this.#sendingFragments = !isLast
    if (typeof payload === 'string') return writeTextFrame(this.#output, opcode, isLast, payload)
    writeFrame(this.#output, opcode, isLast, payload)
    return payload.length
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
    if (this.state === 'open') writeFrame(this.#output, opcode, true, payload)
  }

  // FrameHandler

  frame (opcode: number, isLast: boolean, _isCompressed: boolean, length: number): boolean {
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

  payload (start: number, end: number, key: number, ends: boolean): boolean {
    if (isControl(this.#opcode)) return this.#receiveControl(start, end, key, ends)
    if (ends && this.#isLast && this.#assembly === undefined) return this.#receiveWhole(start, end, key)
    page.unmask(start, end, key)
    if (this.#message === TEXT) {
      this.#validator ??= new Utf8Validator()
      if (!this.#validator.append(page.bytes, start, end)) return this.#refuse(new InvalidUtf8())
    }
    this.#assembly ??= new Assembly()
    this.#assembly.append(start, end, this.#announced)
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

  // The usual case, a message of one frame in one chunk: one copy.
  #receiveWhole (start: number, end: number, key: number): boolean {
    const data = this.#message === TEXT ? takeText(start, end, key) : takeBinary(start, end, key)
    return data === undefined ? this.#refuse(new InvalidUtf8()) : this.#tell(data)
  }

  #tell (data: Buffer): boolean {
    const isBinary = this.#message === BINARY
    this.#message = 0
    this.#sink.message(data, isBinary)
    return this.#goesOn()
  }

  #receiveControl (start: number, end: number, key: number, ends: boolean): boolean {
    if (!ends || this.#control !== undefined) {
      page.unmask(start, end, key)
      this.#control ??= new Assembly()
      this.#control.append(start, end, 0)
      if (!ends) return true
    }
    const payload = this.#control?.take() ?? takeBinary(start, end, key)
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
    if (this.state === 'open') writeFrame(this.#output, CLOSE, true, payload.subarray(0, 2))
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
