import { markAsUntransferable } from 'node:worker_threads'
import { COMPRESSED, encodeFrame, encodeHixieText, encodeTextFrame, payloadOf } from './encoder.js'
import { BINARY, TEXT } from './opcode.js'

/** Compresses a whole message, for all receivers that agreed on the same. */
export interface MessageCompressor {
  /** Payloads of at most so many bytes are for `deflate()`, longer ones for `deflateLater()`. -1: all are for the latter. */
  readonly syncUpTo: number
  /** Compresses on the spot. What is returned belongs to the caller. */
  deflate (payload: Buffer): Buffer
  /** Compresses in the thread pool. The payload must not change until `done` is called, which happens once. */
  deflateLater (payload: Buffer, done: (error: Error | undefined, compressed: Buffer) => void): void
}

/** Makes a value the text that is sent. */
export interface ValueWriter {
  write (value: unknown): string
}

/**
 * One message for many. Its bytes are copied here, as an uncompressed frame of RFC 6455; each of the other forms on the
 * wire is made when the first receiver needs it, and shared by all that need it.
 */
export class PreparedMessage {
  readonly isBinary: boolean
  /** Whether it may be compressed for receivers that agreed to that. */
  readonly isCompressible: boolean
  /** As an uncompressed frame of RFC 6455. */
  readonly frame: Buffer
  /** A view of the frame. */
  readonly payload: Buffer
  #hixie: Buffer | undefined
  readonly #compressed = new Map<MessageCompressor, Buffer>()
  readonly #compressing = new Map<MessageCompressor, Array<(frame: Buffer) => void>>()

  constructor (data: string | Buffer, isBinary: boolean, isCompressible: boolean) {
    this.isBinary = isBinary
    this.isCompressible = isCompressible
    this.frame = typeof data === 'string' ? encodeTextFrame(this.#opcode, data) : encodeFrame(this.#opcode, data)
    this.payload = payloadOf(this.frame)
    // Listeners of 'drop' and of channels get the payload, while other sockets still send it.
    markAsUntransferable(this.frame.buffer)
  }

  /** Whether it is a frame of the live subprotocol, which goes to its receivers as it is. */
  get isFrame (): boolean {
    return false
  }

  /** As a text frame of the hixie drafts. */
  get hixie (): Buffer {
    return (this.#hixie ??= encodeHixieText(this.payload))
  }

  /** As a compressed frame, or undefined where it is too large to be made now. */
  compressedFrame (compressor: MessageCompressor): Buffer | undefined {
    const made = this.#compressed.get(compressor)
    if (made !== undefined || this.payload.length > compressor.syncUpTo) return made
    return this.#keep(compressor, compressor.deflate(this.payload))
  }

  /** Makes the compressed frame in the thread pool, once for all who ask. Where that fails it is the uncompressed one. */
  compressLater (compressor: MessageCompressor, done: (frame: Buffer) => void): void {
    const waiting = this.#compressing.get(compressor)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const all = [done]
    this.#compressing.set(compressor, all)
    compressor.deflateLater(this.payload, (error, compressed) => {
      const frame = error === undefined ? this.#keep(compressor, compressed) : this.frame
      this.#compressing.delete(compressor)
      for (const tell of all) tell(frame)
    })
  }

  /** What is sent to the sockets of a route: the same to all, unless it is a value and the routes have schemas. */
  formFor (_writer: ValueWriter | undefined): PreparedMessage {
    return this
  }

  get #opcode (): number {
    return this.isBinary ? BINARY : TEXT
  }

  #keep (compressor: MessageCompressor, compressed: Buffer): Buffer {
    const frame = encodeFrame(this.#opcode | COMPRESSED, compressed)
    this.#compressed.set(compressor, frame)
    return frame
  }
}
