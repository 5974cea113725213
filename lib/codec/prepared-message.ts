import { markAsUntransferable } from 'node:worker_threads'
import { COMPRESSED, encodeFrame, encodeHixieText, encodeTextFrame, payloadOf } from './encoder.js'
import { BINARY, TEXT } from './opcode.js'

/** Compresses whole messages, for all receivers that negotiated the same parameters. */
export interface MessageCompressor {
  /** The largest payload for `deflate()`, in bytes; longer ones need `deflateLater()`. With -1, all of them do. */
  readonly syncUpTo: number
  /** Compresses synchronously. The result belongs to the caller. */
  deflate (payload: Buffer): Buffer
  /** Compresses in the thread pool and calls `done` once. The payload must not change before. */
  deflateLater (payload: Buffer, done: (error: Error | undefined, compressed: Buffer) => void): void
}

/** Serializes a value. */
export interface ValueWriter {
  write (value: unknown): string
}

/**
 * One message for many receivers. The constructor copies the data into an uncompressed RFC 6455 frame. Each other wire
 * format is created when the first receiver needs it, and then shared.
 */
export class PreparedMessage {
  readonly isBinary: boolean
  /** Whether the message may be compressed for receivers that negotiated it. */
  readonly isCompressible: boolean
  /** The message as an uncompressed RFC 6455 frame. */
  readonly frame: Buffer
  /** A view of the frame. */
  readonly payload: Buffer
  #hixie: Buffer | undefined
  #compressed: Map<MessageCompressor, Buffer> | undefined
  #compressing: Map<MessageCompressor, Array<(frame: Buffer) => void>> | undefined

  constructor (data: string | Buffer, isBinary: boolean, isCompressible: boolean) {
    this.isBinary = isBinary
    this.isCompressible = isCompressible
    this.frame = typeof data === 'string' ? encodeTextFrame(this.#opcode, data) : encodeFrame(this.#opcode, data)
    this.payload = payloadOf(this.frame)
    // Listeners of 'drop' and diagnostics channels get the payload while other sockets still send it.
    markAsUntransferable(this.frame.buffer)
  }

  /** Whether this is a frame of the live subprotocol, which is sent unchanged. */
  get isFrame (): boolean {
    return false
  }

  /** The message as a text frame of the hixie drafts. */
  get hixie (): Buffer {
    return (this.#hixie ??= encodeHixieText(this.payload))
  }

  /** Returns the message as a compressed frame, or undefined if it is too large to compress synchronously. */
  compressedFrame (compressor: MessageCompressor): Buffer | undefined {
    const made = this.#compressed?.get(compressor)
    if (made !== undefined || this.payload.length > compressor.syncUpTo) return made
    return this.#keep(compressor, compressor.deflate(this.payload))
  }

  /** Compresses the message in the thread pool, once for all callers. If that fails, `done` gets `frame`. */
  compressLater (compressor: MessageCompressor, done: (frame: Buffer) => void): void {
    const compressing = this.#compressing ??= new Map()
    const waiting = compressing.get(compressor)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const all = [done]
    compressing.set(compressor, all)
    compressor.deflateLater(this.payload, (error, compressed) => {
      const frame = error === undefined ? this.#keep(compressor, compressed) : this.frame
      compressing.delete(compressor)
      for (const callback of all) callback(frame)
    })
  }

  /** Returns the message for the sockets of a route. It depends on `schema.send` only if the message holds a value. */
  formFor (_writer: ValueWriter | undefined): PreparedMessage {
    return this
  }

  get #opcode (): number {
    return this.isBinary ? BINARY : TEXT
  }

  #keep (compressor: MessageCompressor, compressed: Buffer): Buffer {
    const frame = encodeFrame(this.#opcode | COMPRESSED, compressed)
    this.#compressed ??= new Map()
    this.#compressed.set(compressor, frame)
    return frame
  }
}
