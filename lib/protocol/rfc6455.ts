import { isUtf8 } from 'node:buffer'
import { Assembler } from '../codec/assembler.js'
import { Decoder, type FrameHandler } from '../codec/decoder.js'
import { writeFrame, writeTextFrame, type Output } from '../codec/encoder.js'
import type { PreparedMessage } from '../codec/prepared-message.js'
import { DEFLATED_SHIFT, INFLATE_COST, INFLATED_SHIFT, spend } from '../codec/budget.js'
import { BINARY, CLOSE, CONTINUATION, isControl, PING, PONG, TEXT } from '../codec/opcode.js'
import * as receiveBuffer from '../codec/receive-buffer.js'
import { EMPTY_PAYLOAD, takeBinary, takeText } from '../codec/payload.js'
import { Utf8Validator } from '../codec/utf8.js'
import {
  ControlTooLong, InvalidUtf8, MessageTooBig, MissingContinuation, ReservedBits, TooManyFragments,
  UnexpectedContinuation, type Fault
} from '../errors.js'
import { ABNORMAL, decodeClose, encodeClose } from './close.js'
import type { Compression } from './compression.js'
import { MAX_TEXT_LENGTH, messageTooBig } from './limits.js'
import type { Limits, Protocol, ProtocolState, Sink } from './protocol.js'

const MAX_CONTROL_PAYLOAD = 125

/**
 * RFC 6455 and its drafts 7 and 8, whose frames are the same, with or without permessage-deflate (RFC 7692).
 *
 *   messages received:   none ── first frame, without FIN ──▶ in fragments ── continuation with FIN ──▶ none
 *                        none ── first frame, with FIN ─────▶ none
 *
 * Control frames are allowed in either state (§5.5). While a large message is decompressed in the thread pool, no
 * further input is processed.
 */
export class Rfc6455 implements Protocol, FrameHandler {
  readonly version: '13' | '8' | '7'
  state: ProtocolState = 'open'
  closeCode = ABNORMAL
  closeReason: Buffer = EMPTY_PAYLOAD

  readonly #sink: Sink
  readonly #output: Output
  #limits: Limits
  /** The limits that apply after the message being received. */
  #nextLimits: Limits | undefined
  readonly #compression: Compression | undefined
  readonly #decoder: Decoder

  // The frame being received.
  #opcode = 0
  #fin = false
  #controlAssembler: Assembler | undefined

  // The message being received: TEXT, BINARY, or 0 for none.
  #message = 0
  #isCompressed = false
  #fragments = 0
  /** The sum of the frame lengths so far. */
  #declaredLength = 0
  #assembler: Assembler | undefined
  #validator: Utf8Validator | undefined

  /** Whether a message is being decompressed in the thread pool. */
  #isInflating = false
  #hasReceivedClose = false
  #hasSentClose = false

  isSendingFragments = false
  /** The newest ping received while the output is stalled. */
  #pendingPing: Buffer | undefined

  constructor (
    sink: Sink, output: Output, limits: Limits, version: '13' | '8' | '7' = '13', compression?: Compression
  ) {
    this.#sink = sink
    this.#output = output
    this.#limits = limits
    this.version = version
    this.#compression = compression
    this.#decoder = new Decoder(this, compression !== undefined)
  }

  receive (length: number): number {
    // Input after a close frame is discarded (§5.5.1).
    if (!this.#isReceiving()) return length
    if (this.#isInflating) return 0
    const taken = this.#decoder.read(0, length)
    return this.#isReceiving() ? taken : length
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
    else this.#compression.whenOutput(callback)
  }

  ping (payload: Buffer): void {
    this.#sendControl(PING, payload)
  }

  pong (payload: Buffer): void {
    this.#sendControl(PONG, payload)
  }

  drained (): void {
    const payload = this.#pendingPing
    this.#pendingPing = undefined
    // pong() sends nothing after a close frame.
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

  // Pings and pongs may overtake a message that is still being compressed (§5.5); close frames may not.
  #sendControl (opcode: number, payload: Buffer): void {
    if (payload.length > MAX_CONTROL_PAYLOAD) throw new ControlTooLong(payload.length)
    if (this.state === 'open') writeFrame(this.#output, opcode, true, payload)
  }

  // FrameHandler

  frame (opcode: number, fin: boolean, isCompressed: boolean, length: number): boolean {
    this.#opcode = opcode
    this.#fin = fin
    // RFC 7692 §6: only the first frame of a message has the compressed bit.
    if (isCompressed && (isControl(opcode) || opcode === CONTINUATION)) return this.#refuse(new ReservedBits())
    if (isControl(opcode)) return true
    if (opcode === CONTINUATION) {
      if (this.#message === 0) return this.#refuse(new UnexpectedContinuation())
    } else {
      if (this.#message !== 0) return this.#refuse(new MissingContinuation())
      this.#message = opcode
      this.#isCompressed = isCompressed
      this.#fragments = 0
      this.#declaredLength = 0
    }
    // Check both limits before keeping any byte of the payload.
    this.#declaredLength += length
    const isTooLong = this.#declaredLength > this.#limits.maxPayload && !this.#mayInflateToFit()
    if (isTooLong || (this.#declaredLength > MAX_TEXT_LENGTH && this.#message === TEXT)) {
      return this.#refuse(this.#tooBig())
    }
    if (++this.#fragments > this.#limits.maxFragments) {
      return this.#refuse(new TooManyFragments(this.#limits.maxFragments))
    }
    return true
  }

  // Incompressible data grows by five bytes per block, so a message within the limit may be a little longer compressed.
  #mayInflateToFit (): boolean {
    return this.#isCompressed && this.#declaredLength <= this.#limits.maxPayload + (this.#limits.maxPayload >>> 10) + 64
  }

  payload (start: number, end: number, key: number, isLast: boolean): boolean {
    if (isControl(this.#opcode)) return this.#receiveControl(start, end, key, isLast)
    if (isLast && this.#fin && this.#assembler === undefined) return this.#receiveWhole(start, end, key)
    receiveBuffer.unmask(start, end, key)
    if (this.#message === TEXT && !this.#isCompressed) {
      this.#validator ??= new Utf8Validator()
      if (!this.#validator.append(receiveBuffer.bytes, start, end)) return this.#refuse(new InvalidUtf8())
    }
    this.#assembler ??= new Assembler()
    this.#assembler.append(start, end, this.#declaredLength)
    if (!isLast || !this.#fin) return true
    if (this.#validator?.end() === false) return this.#refuse(new InvalidUtf8())
    const data = this.#assembler.take()
    this.#assembler = undefined
    this.#validator = undefined
    return this.#isCompressed ? this.#inflate(data, false) : this.#deliver(data)
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

  // The usual case: a message of one frame in one chunk is copied once.
  #receiveWhole (start: number, end: number, key: number): boolean {
    if (this.#isCompressed) {
      receiveBuffer.unmask(start, end, key)
      return this.#inflate(receiveBuffer.bytes.subarray(start, end), true)
    }
    const data = this.#message === TEXT ? takeText(start, end, key) : takeBinary(start, end, key)
    return data === undefined ? this.#refuse(new InvalidUtf8()) : this.#deliver(data)
  }

  #inflate (payload: Buffer, isInReceiveBuffer: boolean): boolean {
    const { inflater } = this.#compression as Compression
    const { maxPayload } = this.#limits
    const limit = this.#message === TEXT ? Math.min(maxPayload, MAX_TEXT_LENGTH) : maxPayload
    try {
      const data = inflater.inflate(payload, limit)
      if (data !== undefined) {
        // The cost is known only now. If it exhausts the budget, the decoder stops after this message.
        spend(INFLATE_COST + (payload.length >>> DEFLATED_SHIFT) + (data.length >>> INFLATED_SHIFT))
        return this.#deliverInflated(data)
      }
    } catch (fault) {
      return this.#refuse(this.#explain(fault as Fault))
    }
    this.#isInflating = true
    this.#sink.pauseInput()
    const later = isInReceiveBuffer ? Buffer.from(payload) : payload
    inflater.inflateLater(later, limit, (fault, data) => { this.#inflated(fault, data) })
    return false
  }

  #inflated (fault: Fault | undefined, data: Buffer): void {
    if (this.state === 'closed') return
    this.#isInflating = false
    if (fault === undefined) this.#deliverInflated(data)
    else this.fault(this.#explain(fault))
    this.#sink.resumeInput()
  }

  /** Names the limit that the inflater was given. */
  #explain (fault: Fault): Fault {
    return fault instanceof MessageTooBig ? this.#tooBig() : fault
  }

  #tooBig (): Fault {
    return messageTooBig(this.#limits.maxPayload, this.#message === TEXT)
  }

  #deliverInflated (data: Buffer): boolean {
    return this.#message === TEXT && !isUtf8(data) ? this.#refuse(new InvalidUtf8()) : this.#deliver(data)
  }

  #deliver (data: Buffer): boolean {
    const isBinary = this.#message === BINARY
    this.#message = 0
    if (this.#nextLimits !== undefined) this.#applyNextLimits(this.#nextLimits)
    return this.#sink.message(data, isBinary) && this.#isReceiving()
  }

  #applyNextLimits (limits: Limits): void {
    this.#limits = limits
    this.#nextLimits = undefined
  }

  #receiveControl (start: number, end: number, key: number, isLast: boolean): boolean {
    if (!isLast || this.#controlAssembler !== undefined) {
      receiveBuffer.unmask(start, end, key)
      this.#controlAssembler ??= new Assembler()
      this.#controlAssembler.append(start, end, 0)
      if (!isLast) return true
    }
    const payload = this.#controlAssembler?.take() ?? takeBinary(start, end, key)
    this.#controlAssembler = undefined
    if (this.#opcode === CLOSE) {
      this.#receiveClose(payload)
    } else if (this.#opcode === PING) {
      // §5.5.2. Pongs for a peer that sends pings and reads nothing would fill the memory: answer only the newest ping
      // then (§5.5.3).
      if (this.#output.isStalled) this.#pendingPing = payload
      else this.pong(payload)
      this.#sink.ping(payload)
    } else {
      this.#sink.pong(payload)
    }
    return this.#isReceiving()
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
    // §5.5.1: echo the payload after everything sent before, unless a close frame of ours is already waiting there.
    this.whenOutput(() => {
      this.#sendClose(payload)
      this.#finish()
    })
  }

  // The sink may close the socket when it is called. Input after a close frame is discarded (§5.5.1).
  #isReceiving (): boolean {
    return this.state !== 'closed' && !this.#hasReceivedClose
  }

  #finish (): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#assembler = undefined
    this.#compression?.close()
    this.#sink.end()
  }
}
