import { isUtf8 } from 'node:buffer'
import { Assembler } from '../codec/assembler.js'
import { Decoder, type FrameHandler } from '../codec/decoder.js'
import { writeFrame, writeTextFrame, type Output } from '../codec/encoder.js'
import type { PreparedMessage } from '../codec/prepared-message.js'
import { DEFLATED_SHIFT, INFLATE_COST, INFLATED_SHIFT, spend } from '../codec/budget.js'
import { BINARY, CLOSE, CONTINUATION, isControl, PING, PONG, TEXT } from '../codec/opcode.js'
import * as receiveBuffer from '../codec/receive-buffer.js'
import { takeBinary, takeText } from '../codec/payload.js'
import { Utf8Validator } from '../codec/utf8.js'
import {
  ControlTooLong, InvalidUtf8, MessageTooBig, MissingContinuation, ReservedBits, TooManyFragments, UnexpectedContinuation, type Fault
} from '../errors.js'
import { ABNORMAL, decodeClose, encodeClose } from './close.js'
import type { Compression } from './compression.js'
import { LONGEST_TEXT } from './limits.js'
import type { Limits, Protocol, ProtocolState, Sink } from './protocol.js'

const NOTHING = Buffer.alloc(0)

/**
 * RFC 6455, and drafts 7 and 8, whose frames are the same; with permessage-deflate (RFC 7692) where that was agreed on.
 *
 *   messages received:   none ──first frame, not last──▶ in fragments ──last continuation──▶ none
 *                        none ──first frame, last──────▶ none
 *
 * Control frames come and go in either state (§5.5). A large compressed message is decompressed elsewhere: until that
 * is done the bytes behind it are not taken.
 */
export class Rfc6455 implements Protocol, FrameHandler {
  readonly version: '13' | '8' | '7'
  state: ProtocolState = 'open'
  closeCode = ABNORMAL
  closeReason: Buffer = NOTHING

  readonly #sink: Sink
  readonly #output: Output
  #limits: Limits
  /** Those that begin when the message that is being received ends. */
  #nextLimits: Limits | undefined
  readonly #compression: Compression | undefined
  readonly #decoder: Decoder

  // The frame that is being received.
  #opcode = 0
  #fin = false
  #control: Assembler | undefined

  // The message that is being received: TEXT, BINARY, or 0 for none.
  #message = 0
  #isCompressed = false
  #fragments = 0
  #announced = 0
  #assembly: Assembler | undefined
  #validator: Utf8Validator | undefined

  /** Whether a message is being decompressed elsewhere. */
  #isInflating = false
  #hasReceivedClose = false
  #hasSentClose = false

  isSendingFragments = false
  /** The newest ping that came while what is sent has to wait. */
  #unanswered: Buffer | undefined

  constructor (sink: Sink, output: Output, limits: Limits, version: '13' | '8' | '7' = '13', compression?: Compression) {
    this.#sink = sink
    this.#output = output
    this.#limits = limits
    this.version = version
    this.#compression = compression
    this.#decoder = new Decoder(this, compression !== undefined)
  }

  receive (length: number): number {
    // After a close frame nothing counts (§5.5.1): it is taken, and dropped.
    if (!this.#goesOn()) return length
    if (this.#isInflating) return 0
    const taken = this.#decoder.read(0, length)
    return this.#goesOn() ? taken : length
  }

  get limits (): Limits {
    return this.#nextLimits ?? this.#limits
  }

  set limits (limits: Limits) {
    if (this.#message === 0) this.#limits = limits
    else this.#nextLimits = limits
  }

  receiveEnd (): void {
    this.#finish()
  }

  abort (): void {
    this.#finish()
  }

  // Sending

  send (payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean): number {
    if (this.state !== 'open') return 0
    const opcode = this.isSendingFragments ? CONTINUATION : isBinary ? BINARY : TEXT
    const isWhole = fin && !this.isSendingFragments
    this.isSendingFragments = !fin
    if (this.#compression !== undefined) {
      return this.#compression.send(opcode, fin, payload, isCompressible && isWhole)
    }
    if (typeof payload === 'string') return writeTextFrame(this.#output, opcode, fin, payload)
    writeFrame(this.#output, opcode, fin, payload)
    return payload.length
  }

  sendMessage (message: PreparedMessage): void {
    if (this.state !== 'open') return
    if (this.#compression === undefined) this.#output.share(message.frame)
    else this.#compression.sendMessage(message)
  }

  get compressing (): number {
    return this.#compression === undefined ? 0 : this.#compression.waiting
  }

  whenOutput (callback: () => void): void {
    if (this.#compression === undefined) callback()
    else this.#compression.inTurn(callback)
  }

  ping (payload: Buffer): void {
    this.#sendControl(PING, payload)
  }

  pong (payload: Buffer): void {
    this.#sendControl(PONG, payload)
  }

  drained (): void {
    const payload = this.#unanswered
    this.#unanswered = undefined
    // After our close nothing may follow.
    if (payload !== undefined) this.pong(payload)
  }

  close (code?: number, reason?: string | Buffer): void {
    const payload = encodeClose(code, reason)
    if (this.state !== 'open') return
    this.state = 'closing'
    this.whenOutput(() => { this.#sendClose(payload) })
  }

  #sendClose (payload: Buffer): void {
    if (this.state === 'closed' || this.#hasSentClose) return
    this.#hasSentClose = true
    writeFrame(this.#output, CLOSE, true, payload)
  }

  // Control frames may overtake a message that is not sent yet (§5.5), but for the close.
  #sendControl (opcode: number, payload: Buffer): void {
    if (payload.length > 125) throw new ControlTooLong(payload.length)
    if (this.state === 'open') writeFrame(this.#output, opcode, true, payload)
  }

  // FrameHandler

  frame (opcode: number, fin: boolean, isCompressed: boolean, length: number): boolean {
    this.#opcode = opcode
    this.#fin = fin
    // RFC 7692 §6: only the first frame of a message says that it is compressed.
    if (isCompressed && (isControl(opcode) || opcode === CONTINUATION)) return this.#refuse(new ReservedBits())
    if (isControl(opcode)) return true
    if (opcode === CONTINUATION) {
      if (this.#message === 0) return this.#refuse(new UnexpectedContinuation())
    } else {
      if (this.#message !== 0) return this.#refuse(new MissingContinuation())
      this.#message = opcode
      this.#isCompressed = isCompressed
      this.#fragments = 0
      this.#announced = 0
    }
    // Both limits hold before a byte of the payload is kept.
    this.#announced += length
    if (this.#announced > this.#limits.maxPayload && !this.#mayShrink()) {
      return this.#refuse(new MessageTooBig(this.#limits.maxPayload))
    }
    if (this.#announced > LONGEST_TEXT && this.#message === TEXT) return this.#refuse(new MessageTooBig(LONGEST_TEXT))
    if (++this.#fragments > this.#limits.maxFragments) return this.#refuse(new TooManyFragments(this.#limits.maxFragments))
    return true
  }

  // What does not compress is a little longer than it was, five bytes in each block.
  #mayShrink (): boolean {
    return this.#isCompressed && this.#announced <= this.#limits.maxPayload + (this.#limits.maxPayload >>> 10) + 64
  }

  payload (start: number, end: number, key: number, ends: boolean): boolean {
    if (isControl(this.#opcode)) return this.#receiveControl(start, end, key, ends)
    if (ends && this.#fin && this.#assembly === undefined) return this.#receiveWhole(start, end, key)
    receiveBuffer.unmask(start, end, key)
    if (this.#message === TEXT && !this.#isCompressed) {
      this.#validator ??= new Utf8Validator()
      if (!this.#validator.append(receiveBuffer.bytes, start, end)) return this.#refuse(new InvalidUtf8())
    }
    this.#assembly ??= new Assembler()
    this.#assembly.append(start, end, this.#announced)
    if (!ends || !this.#fin) return true
    if (this.#validator?.end() === false) return this.#refuse(new InvalidUtf8())
    const data = this.#assembly.take()
    this.#assembly = undefined
    this.#validator = undefined
    return this.#isCompressed ? this.#inflate(data, false) : this.#tell(data)
  }

  fault (error: Fault): void {
    this.#sink.fault(error)
    this.#sendClose(encodeClose(error.closeCode))
    this.#finish()
  }

  #refuse (error: Fault): false {
    this.fault(error)
    return false
  }

  // The usual case, a message of one frame in one chunk: one copy.
  #receiveWhole (start: number, end: number, key: number): boolean {
    if (this.#isCompressed) {
      receiveBuffer.unmask(start, end, key)
      return this.#inflate(receiveBuffer.bytes.subarray(start, end), true)
    }
    const data = this.#message === TEXT ? takeText(start, end, key) : takeBinary(start, end, key)
    return data === undefined ? this.#refuse(new InvalidUtf8()) : this.#tell(data)
  }

  #inflate (payload: Buffer, isInPage: boolean): boolean {
    const { inflater } = this.#compression as Compression
    const { maxPayload } = this.#limits
    const limit = this.#message === TEXT ? Math.min(maxPayload, LONGEST_TEXT) : maxPayload
    try {
      const data = inflater.inflate(payload, limit)
      if (data !== undefined) {
        // What it cost is known now: the decoder stops behind this message when that was too much.
        spend(INFLATE_COST + (payload.length >>> DEFLATED_SHIFT) + (data.length >>> INFLATED_SHIFT))
        return this.#tellInflated(data)
      }
    } catch (fault) {
      return this.#refuse(fault as Fault)
    }
    this.#isInflating = true
    this.#sink.pauseInput()
    const later = isInPage ? Buffer.from(payload) : payload
    inflater.inflateLater(later, limit, (fault, data) => { this.#inflated(fault, data) })
    return false
  }

  #inflated (fault: Fault | undefined, data: Buffer): void {
    if (this.state === 'closed') return
    this.#isInflating = false
    if (fault === undefined) this.#tellInflated(data)
    else this.fault(fault)
    this.#sink.resumeInput()
  }

  #tellInflated (data: Buffer): boolean {
    return this.#message === TEXT && !isUtf8(data) ? this.#refuse(new InvalidUtf8()) : this.#tell(data)
  }

  #tell (data: Buffer): boolean {
    const isBinary = this.#message === BINARY
    this.#message = 0
    if (this.#nextLimits !== undefined) this.#takeNextLimits(this.#nextLimits)
    return this.#sink.message(data, isBinary) && this.#goesOn()
  }

  #takeNextLimits (limits: Limits): void {
    this.#limits = limits
    this.#nextLimits = undefined
  }

  #receiveControl (start: number, end: number, key: number, ends: boolean): boolean {
    if (!ends || this.#control !== undefined) {
      receiveBuffer.unmask(start, end, key)
      this.#control ??= new Assembler()
      this.#control.append(start, end, 0)
      if (!ends) return true
    }
    const payload = this.#control?.take() ?? takeBinary(start, end, key)
    this.#control = undefined
    if (this.#opcode === CLOSE) {
      this.#receiveClose(payload)
    } else if (this.#opcode === PING) {
      // §5.5.2. A peer that sends pings and reads nothing would fill the memory with their answers: only the newest need
      // one (§5.5.3).
      if (this.#output.isStalled) this.#unanswered = payload
      else this.pong(payload)
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
    this.#hasReceivedClose = true
    if (this.state === 'open') this.state = 'closing'
    // §5.5.1: what was received is echoed, behind what was sent before; or our close is still to be sent.
    this.whenOutput(() => {
      this.#sendClose(payload)
      this.#finish()
    })
  }

  // What the Sink is told may close the conversation; after a close frame nothing counts (§5.5.1).
  #goesOn (): boolean {
    return this.state !== 'closed' && !this.#hasReceivedClose
  }

  #finish (): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#assembly = undefined
    this.#compression?.close()
    this.#sink.end()
  }
}
