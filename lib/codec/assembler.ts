import * as receiveBuffer from './receive-buffer.js'

// The buffer is at most this many times as large as the bytes received.
const MAX_ROOM_FACTOR = 8
const MIN_ROOM = 1024
// The buffer grows by at least this factor, even for a stream of tiny fragments. This keeps the total cost of copying
// linear in the length of the message, not quadratic.
const MIN_GROWTH = 1.25
const EMPTY_BUFFER = Buffer.alloc(0)

/**
 * Joins the pieces of one message. The buffer is sized for the announced length, but never more than eight times the
 * bytes received, so a peer cannot reserve memory by announcing a large message.
 */
export class Assembler {
  #buffer = EMPTY_BUFFER
  #length = 0

  get length (): number {
    return this.#length
  }

  /**
   * Appends `[start, end)` of the receive buffer.
   * @param announced the minimum length of the message in bytes; 0 if unknown
   */
  append (start: number, end: number, announced: number): void {
    const length = this.#length + end - start
    if (length > this.#buffer.length) {
      const room = announced > length ? Math.min(announced, MAX_ROOM_FACTOR * length) : 2 * length
      const least = Math.max(MIN_ROOM, Math.ceil(MIN_GROWTH * this.#buffer.length))
      const grown = Buffer.allocUnsafeSlow(Math.max(least, room))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    receiveBuffer.bytes.copy(this.#buffer, this.#length, start, end)
    this.#length = length
  }

  /** Returns the message, which now belongs to the caller, and resets the assembler. */
  take (): Buffer {
    const buffer = this.#buffer
    const length = this.#length
    this.#buffer = EMPTY_BUFFER
    this.#length = 0
    // Copy the message when more than a quarter of the buffer would be wasted.
    return length < 0.75 * buffer.length ? Buffer.from(buffer.subarray(0, length)) : buffer.subarray(0, length)
  }
}
