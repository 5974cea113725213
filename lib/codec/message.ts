import type { Deflater } from './deflate.js'
import { COMPRESSED, encodeFrame, encodeHixieText } from './encoder.js'
import { BINARY, TEXT } from './opcode.js'

/** Makes a value the text that is sent. */
export interface ValueWriter {
  write (value: unknown): string
}

/**
 * One message for many. Each of its forms on the wire is made when the first receiver needs it, and shared by all
 * that need it.
 */
export class Message {
  readonly isBinary: boolean
  /** Whether it may be compressed for receivers that agreed to that. */
  readonly isCompressible: boolean
  readonly payload: Buffer
  #frame: Buffer | undefined
  #hixie: Buffer | undefined
  readonly #compressed = new Map<Deflater, Buffer>()
  readonly #compressing = new Map<Deflater, Array<(frame: Buffer) => void>>()

  constructor (payload: Buffer, isBinary: boolean, isCompressible: boolean) {
    this.payload = payload
    this.isBinary = isBinary
    this.isCompressible = isCompressible
  }

  /** As an uncompressed frame of RFC 6455. */
  get frame (): Buffer {
    return (this.#frame ??= encodeFrame(this.#opcode, this.payload))
  }

  /** As a text frame of the hixie drafts. */
  get hixie (): Buffer {
    return (this.#hixie ??= encodeHixieText(this.payload))
  }

  /** As a compressed frame, or undefined where it is too large to be made now. */
  compressedFrame (deflater: Deflater): Buffer | undefined {
    const made = this.#compressed.get(deflater)
    if (made !== undefined || this.payload.length > deflater.syncUpTo) return made
    return this.#keep(deflater, deflater.deflate(this.payload))
  }

  /** Makes the compressed frame in the thread pool, once for all who ask. Where that fails it is the uncompressed one. */
  compressLater (deflater: Deflater, done: (frame: Buffer) => void): void {
    const waiting = this.#compressing.get(deflater)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const all = [done]
    this.#compressing.set(deflater, all)
    deflater.deflateLater(this.payload, (error, compressed) => {
      const frame = error === undefined ? this.#keep(deflater, compressed) : this.frame
      this.#compressing.delete(deflater)
      for (const tell of all) tell(frame)
    })
  }

  /** What is sent to the sockets of a route: the same to all, unless it is a value and the routes have schemas. */
  formFor (_writer: ValueWriter | undefined): Message {
    return this
  }

  get #opcode (): number {
    return this.isBinary ? BINARY : TEXT
  }

  #keep (deflater: Deflater, compressed: Buffer): Buffer {
    const frame = encodeFrame(this.#opcode | COMPRESSED, compressed)
    this.#compressed.set(deflater, frame)
    return frame
  }
}
