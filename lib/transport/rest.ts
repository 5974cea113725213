import * as receiveBuffer from '../codec/receive-buffer.js'

// How many bytes are copied to the receive buffer at least. More are when all of those before were taken, so what is copied stays
// within a small multiple of what is taken, however little that is each time.
const SMALLEST_WINDOW = 4_096

/**
 * Bytes that were read and not taken yet, with the place where to go on. They stay where they are: only the window that
 * is received next is copied to the receive buffer.
 *
 *   chunk ──▶ │ taken │ window │ not looked at │ ──▶ next chunk …
 */
export class Rest {
  /** Whether its turn is already asked for. */
  isQueued = false
  // What the stream told meanwhile, which comes behind these bytes.
  hasEnded = false
  failure: Error | undefined
  isClosed = false

  #chunks: Buffer[] = []
  #first = 0
  #at = 0
  #window = SMALLEST_WINDOW

  get isEmpty (): boolean {
    return this.#first === this.#chunks.length
  }

  /** Adds bytes behind the others. They must not change from now on. */
  push (bytes: Buffer): void {
    if (bytes.length > 0) this.#chunks.push(bytes)
  }

  /** Copies the next window to the receive buffer, and returns its length. */
  land (): number {
    const chunk = this.#chunks[this.#first]
    return chunk === undefined ? 0 : chunk.copy(receiveBuffer.bytes, 0, this.#at, this.#at + this.#window)
  }

  /** Of a window of this length so many bytes were taken. */
  skip (length: number, taken: number): void {
    this.#window = taken === length ? Math.min(2 * this.#window, receiveBuffer.RECEIVE_BUFFER_SIZE) : Math.max(2 * taken, SMALLEST_WINDOW)
    this.#at += taken
    if (this.#at < (this.#chunks[this.#first] as Buffer).length) return
    this.#at = 0
    this.#first++
    if (!this.isEmpty) return
    this.#chunks = []
    this.#first = 0
  }
}
