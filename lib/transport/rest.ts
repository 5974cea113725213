import * as receiveBuffer from '../codec/receive-buffer.js'

// The least number of bytes copied to the receive buffer at once. The window grows while all of its bytes are
// processed, so the bytes copied stay within a small multiple of the bytes processed.
const MIN_WINDOW = 4_096

/**
 * Bytes that were read but not processed yet. They stay in place: only the window that is processed next is copied to
 * the receive buffer.
 *
 *   chunk ──▶ │ processed │ window │ not seen yet │ ──▶ next chunk …
 */
export class Rest {
  /** Whether the socket waits for its turn. */
  isQueued = false
  // Events of the stream that are handled after these bytes.
  hasEnded = false
  failure: Error | undefined
  isClosed = false

  #chunks: Buffer[] = []
  #first = 0
  #at = 0
  #window = MIN_WINDOW

  get isEmpty (): boolean {
    return this.#first === this.#chunks.length
  }

  /** Appends bytes, which must not change anymore. */
  push (bytes: Buffer): void {
    if (bytes.length > 0) this.#chunks.push(bytes)
  }

  /** Copies the next window to the receive buffer, and returns its length. */
  copyWindow (): number {
    const chunk = this.#chunks[this.#first]
    return chunk === undefined ? 0 : chunk.copy(receiveBuffer.bytes, 0, this.#at, this.#at + this.#window)
  }

  /**
   * Removes processed bytes.
   * @param length the length of the window
   * @param taken how many of its bytes were processed
   */
  skip (length: number, taken: number): void {
    this.#window = taken === length
      ? Math.min(2 * this.#window, receiveBuffer.RECEIVE_BUFFER_SIZE)
      : Math.max(2 * taken, MIN_WINDOW)
    this.#at += taken
    if (this.#at < (this.#chunks[this.#first] as Buffer).length) return
    this.#at = 0
    this.#first++
    if (!this.isEmpty) return
    this.#chunks = []
    this.#first = 0
  }
}
