/** A queued message. */
export interface WaitingMessage {
  readonly data: Buffer
  readonly isBinary: boolean
}

// The memory of an empty message in bytes, so that a flood of them counts.
const MESSAGE_OVERHEAD = 64

// From this many places on, the queue is compacted when half of them are empty.
const MIN_PLACES_TO_COMPACT = 32

/** Messages that have not been taken yet, in the order received. */
export class MessageQueue {
  #messages: Array<WaitingMessage | undefined> = []
  #first = 0
  #weight = 0

  get isEmpty (): boolean {
    return this.#first === this.#messages.length
  }

  /** The approximate memory of the messages, in bytes. */
  get weight (): number {
    return this.#weight
  }

  put (data: Buffer, isBinary: boolean): void {
    this.#messages.push({ data, isBinary })
    this.#weight += data.length + MESSAGE_OVERHEAD
  }

  take (): WaitingMessage | undefined {
    const message = this.#messages[this.#first]
    if (message === undefined) return undefined
    this.#weight -= message.data.length + MESSAGE_OVERHEAD
    this.#messages[this.#first++] = undefined
    if (this.isEmpty) this.clear()
    else if (this.#first >= MIN_PLACES_TO_COMPACT && 2 * this.#first >= this.#messages.length) this.#compact()
    return message
  }

  // Needed because a slow consumer may never empty the queue.
  #compact (): void {
    this.#messages = this.#messages.slice(this.#first)
    this.#first = 0
  }

  /** The number of places, including empty ones. */
  get places (): number {
    return this.#messages.length
  }

  clear (): void {
    this.#messages = []
    this.#first = 0
    this.#weight = 0
  }
}
