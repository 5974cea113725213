/** A message that waits for somebody to take it. */
export interface WaitingMessage {
  readonly data: Buffer
  readonly isBinary: boolean
}

// What an empty message costs in memory, so that a flood of them counts.
const MESSAGE_OVERHEAD = 64

/** Messages in the order they came, while nobody takes them. */
export class Inbox {
  #messages: WaitingMessage[] = []
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
    this.#first++
    if (this.isEmpty) this.clear()
    return message
  }

  clear (): void {
    this.#messages = []
    this.#first = 0
    this.#weight = 0
  }
}
