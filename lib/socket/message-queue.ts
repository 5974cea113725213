/** A message that waits for somebody to take it. */
export interface WaitingMessage {
  readonly data: Buffer
  readonly isBinary: boolean
}

// What an empty message costs in memory, so that a flood of them counts.
const MESSAGE_OVERHEAD = 64

// From so many places on, the places of messages that were taken are given back when they are half of all.
const LEAST_TO_COMPACT = 32

/** Messages in the order they came, while nobody takes them. */
export class MessageQueue {
  #messages: Array<WaitingMessage | undefined> = []
  #first = 0
  #weight = 0

  get isEmpty (): boolean {
    return this.#first === this.#messages.length
  }

  /** Roughly the bytes of memory that wait here. */
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
    else if (this.#first >= LEAST_TO_COMPACT && 2 * this.#first >= this.#messages.length) this.#compact()
    return message
  }

  // A reader that takes them one by one may never see it empty.
  #compact (): void {
    this.#messages = this.#messages.slice(this.#first)
    this.#first = 0
  }

  /** How many places are kept, those of messages that were taken among them. */
  get places (): number {
    return this.#messages.length
  }

  clear (): void {
    this.#messages = []
    this.#first = 0
    this.#weight = 0
  }
}
