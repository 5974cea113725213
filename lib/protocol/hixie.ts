import { isUtf8 } from 'node:buffer'
import { Assembler } from '../codec/assembler.js'
import { PAYLOAD_SHIFT, spend } from '../codec/budget.js'
import { writeHixieText, type Output } from '../codec/encoder.js'
import type { PreparedMessage } from '../codec/prepared-message.js'
import { EMPTY_PAYLOAD } from '../codec/payload.js'
import * as receiveBuffer from '../codec/receive-buffer.js'
import { BadHixieLength, InvalidText, NotSupported, type Fault } from '../errors.js'
import { ABNORMAL, encodeClose, NO_STATUS } from './close.js'
import { MAX_TEXT_LENGTH, messageTooBig } from './limits.js'
import type { Limits, Protocol, ProtocolState, Sink } from './protocol.js'

const TERMINATOR = 0xff
// The cost of reading a part of a frame, its type or the rest, in units of the budget.
const PART_COST = 1
// Each byte has 7 bits of the length. Lengths within the limits need fewer bytes; a longer form is padding.
const MAX_LENGTH_BYTES = 9

/**
 * hixie-75 and hixie-76 (draft-ietf-hybi-thewebsocketprotocol-00 §4.2).
 *
 *      ┌──────┐     0x00      ┌──────┐
 *      │ type │ ────────────▶ │ text │        a message, up to 0xFF
 *      │      │               └──────┘
 *      │      │  0x01 – 0x7F  ┌─────────┐
 *      │      │ ────────────▶ │ discard │     ignored, up to 0xFF
 *      │      │               └─────────┘
 *      │      │  0x80 – 0xFF  ┌────────┐      ┌──────┐
 *      └──────┘ ────────────▶ │ length │ ───▶ │ skip │   ignored, `length` bytes, which may contain 0xFF
 *                             └────────┘      └──────┘
 *
 * Each frame ends in `type` again. In hixie-76, type 0xFF with length 0 is the close frame.
 */
type Reading = 'type' | 'text' | 'discard' | 'length' | 'skip'

export class Hixie implements Protocol {
  readonly version: 'hixie-76' | 'hixie-75'
  state: ProtocolState = 'open'
  closeCode = ABNORMAL
  readonly closeReason = EMPTY_PAYLOAD
  readonly compressing = 0
  readonly isSendingFragments = false

  readonly #sink: Sink
  readonly #output: Output
  #limits: Limits
  /** The limits that apply after the message being received. */
  #nextLimits: Limits | undefined
  readonly #text = new Assembler()
  #reading: Reading = 'type'
  #type = 0
  #length = 0
  #lengthBytes = 0

  /** Whether the sink accepts another message in this call. */
  #isTakingMessages = true

  constructor (sink: Sink, output: Output, limits: Limits, version: 'hixie-76' | 'hixie-75') {
    this.#sink = sink
    this.#output = output
    this.#limits = limits
    this.version = version
  }

  receive (length: number): number {
    const bytes = receiveBuffer.bytes.subarray(0, length)
    let at = 0
    this.#isTakingMessages = true
    while (at < length && this.state !== 'closed') {
      const next = this.#read(bytes, at)
      const mayContinue = spend(PART_COST + ((next - at) >>> PAYLOAD_SHIFT)) && this.#isTakingMessages
      at = next
      if (!mayContinue) break
    }
    // Bytes after the close are discarded.
    return this.state === 'closed' ? length : at
  }

  get limits (): Limits {
    return this.#nextLimits ?? this.#limits
  }

  set limits (limits: Limits) {
    if (this.#reading === 'text') this.#nextLimits = limits
    else this.#limits = limits
  }

  receiveEnd (): void {
    // hixie-75 has no closing handshake: a stream that ends between two frames is its clean close.
    if (this.state !== 'closed' && this.version === 'hixie-75' && this.#reading === 'type') this.closeCode = NO_STATUS
    this.#finish()
  }

  abort (): void {
    this.#finish()
  }

  send (payload: string | Buffer, isBinary: boolean, fin: boolean): number {
    if (isBinary) throw new NotSupported(this.version, 'binary messages')
    if (!fin) throw new NotSupported(this.version, 'fragments')
    if (typeof payload !== 'string' && !isUtf8(payload)) throw new InvalidText()
    return this.state === 'open' ? writeHixieText(this.#output, payload) : 0
  }

  sendMessage (message: PreparedMessage): void {
    if (message.isBinary) throw new NotSupported(this.version, 'binary messages')
    if (!isUtf8(message.payload)) throw new InvalidText()
    if (this.state === 'open') this.#output.share(message.hixie)
  }

  whenOutput (callback: () => void): void {
    callback()
  }

  ping (): void {
    throw new NotSupported(this.version, 'a ping')
  }

  pong (): void {
    throw new NotSupported(this.version, 'a pong')
  }

  drained (): void {}

  close (code?: number, reason?: string | Buffer): void {
    // Neither is sent, but an invalid argument throws in every version.
    encodeClose(code, reason)
    if (this.state !== 'open') return
    this.state = 'closing'
    if (this.version === 'hixie-76') this.#sendClose()
    else this.#sink.end()
  }

  /** Reads one part of a frame and returns the offset of the next. */
  #read (bytes: Buffer, at: number): number {
    switch (this.#reading) {
      case 'type': return this.#readType(bytes, at)
      case 'length': return this.#readLength(bytes, at)
      case 'skip': return this.#skip(bytes, at)
      case 'text': return this.#readText(bytes, at)
      case 'discard': return this.#discard(bytes, at)
    }
  }

  #readType (bytes: Buffer, at: number): number {
    this.#type = bytes[at] as number
    this.#length = 0
    this.#lengthBytes = 0
    this.#reading = this.#type >= 0x80 ? 'length' : this.#type === 0 ? 'text' : 'discard'
    return at + 1
  }

  #readLength (bytes: Buffer, at: number): number {
    const byte = bytes[at] as number
    this.#length = this.#length * 128 + (byte & 0x7f)
    if (this.#length > this.#limits.maxPayload) this.#fault(messageTooBig(this.#limits.maxPayload, false))
    else if (++this.#lengthBytes > MAX_LENGTH_BYTES) this.#fault(new BadHixieLength())
    else if (byte < 0x80) this.#endLength()
    return at + 1
  }

  #endLength (): void {
    if (this.version === 'hixie-76' && this.#type === 0xff && this.#length === 0) {
      this.closeCode = NO_STATUS
      if (this.state === 'open') this.#sendClose()
      this.#finish()
    } else {
      this.#reading = this.#length === 0 ? 'type' : 'skip'
    }
  }

  #skip (bytes: Buffer, at: number): number {
    const skipped = Math.min(this.#length, bytes.length - at)
    this.#length -= skipped
    if (this.#length === 0) this.#reading = 'type'
    return at + skipped
  }

  #readText (bytes: Buffer, at: number): number {
    const found = bytes.indexOf(TERMINATOR, at)
    const end = found < 0 ? bytes.length : found
    const maxLength = Math.min(this.#limits.maxPayload, MAX_TEXT_LENGTH)
    if (this.#text.length + end - at > maxLength) {
      this.#fault(messageTooBig(this.#limits.maxPayload, true))
      return end
    }
    this.#text.append(at, end, 0)
    if (found < 0) return end
    this.#reading = 'type'
    const data = this.#text.take()
    if (this.#nextLimits !== undefined) {
      this.#limits = this.#nextLimits
      this.#nextLimits = undefined
    }
    // §4.2: invalid UTF-8 becomes U+FFFD, so the text can be forwarded to any peer. It may become three times as long.
    const text = isUtf8(data) ? data : Buffer.from(data.toString())
    if (text.length > maxLength) this.#fault(messageTooBig(this.#limits.maxPayload, true))
    else this.#isTakingMessages = this.#sink.message(text, false)
    return end + 1
  }

  #discard (bytes: Buffer, at: number): number {
    const found = bytes.indexOf(TERMINATOR, at)
    if (found < 0) return bytes.length
    this.#reading = 'type'
    return found + 1
  }

  #fault (error: Fault): void {
    this.#sink.fault(error)
    this.close()
    this.#finish()
  }

  #sendClose (): void {
    const at = this.#output.reserve(2)
    const { chunk } = this.#output
    chunk[at] = 0xff
    chunk[at + 1] = 0x00
  }

  #finish (): void {
    if (this.state === 'closed') return
    // hixie-75 has ended its side in close().
    const hasEnded = this.state === 'closing' && this.version === 'hixie-75'
    this.state = 'closed'
    if (!hasEnded) this.#sink.end()
  }
}
