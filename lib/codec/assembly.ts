const SMALLEST = 1024
const NOTHING = Buffer.alloc(0)

/**
 * Joins the pieces of one message. The buffer grows with what has arrived, never with what was announced, so that a
 * peer pays for what it makes us hold; tiny pieces cost no more than their bytes.
 */
export class Assembly {
  #buffer = NOTHING
  #length = 0

  get length (): number {
    return this.#length
  }

  append (bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(SMALLEST, length, 2 * this.#buffer.length))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    bytes.copy(this.#buffer, this.#length, start, end)
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
