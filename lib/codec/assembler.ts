import * as receiveBuffer from './receive-buffer.js'

// What has arrived is at least this part of the room that is made.
const LEAST_SHARE = 8
const SMALLEST = 1024
// Room grows by this factor at least, however short the fragments are that announce it: so copies add up to a multiple
// of the message, not to its square.
const LEAST_GROWTH = 1.25
const NOTHING = Buffer.alloc(0)

/**
 * Joins the pieces of one message. Room is made for what was announced, but never more than eight times what has
 * arrived, so that a peer pays for what it makes us hold; tiny pieces cost no more than their bytes.
 */
export class Assembler {
  #buffer = NOTHING
  #length = 0

  get length (): number {
    return this.#length
  }

  /**
   * Appends `[start, end)` of the receive buffer.
   * @param announced how long the message will be at least; 0 where nobody says
   */
  append (start: number, end: number, announced: number): void {
    const length = this.#length + end - start
    if (length > this.#buffer.length) {
      const room = announced > length ? Math.min(announced, LEAST_SHARE * length) : 2 * length
      const least = Math.max(SMALLEST, Math.ceil(LEAST_GROWTH * this.#buffer.length))
      const grown = Buffer.allocUnsafeSlow(Math.max(least, room))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    receiveBuffer.bytes.copy(this.#buffer, this.#length, start, end)
    this.#length = length
  }

  /** The message, which then belongs to the caller; the assembly is empty again. */
  take (): Buffer {
    const buffer = this.#buffer
    const length = this.#length
    this.#buffer = NOTHING
    this.#length = 0
    // More than a quarter unused is given back.
    return length < 0.75 * buffer.length ? Buffer.from(buffer.subarray(0, length)) : buffer.subarray(0, length)
  }
}
