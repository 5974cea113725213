import type { HistoryPage, Retention, TopicMessage } from './engine.js'

/** The memory of a message in addition to its data, measured by a heap snapshot, in bytes. */
const MESSAGE_OVERHEAD = 256
/** The array is compacted if at least this many entries, and more than half of all, are removed. */
const COMPACT_FROM = 32

/** Replaces a removed message in the array until the array is compacted. */
const REMOVED: TopicMessage = {
  id: '', data: Buffer.alloc(0), isBinary: false, kind: '', isCompressible: true, cursor: '', prev: ''
}

const sizeOf = (message: TopicMessage): number => message.data.length + MESSAGE_OVERHEAD

/** The kept messages of one topic, and the cursor of the newest, which outlives the messages. */
export class TopicLog {
  /** The cursor of the newest message, or the initial cursor if there was none. */
  head: string
  isSubscribed = false
  #messages: TopicMessage[] = []
  #first = 0
  #expires = Infinity

  constructor (head: string) {
    this.head = head
  }

  get size (): number {
    return this.#messages.length - this.#first
  }

  /** Returns the number of bytes by which the log has grown, which may be negative. */
  append (message: TopicMessage, { size, ttl }: Retention): number {
    this.head = message.cursor
    let grown = this.dropExpired(Date.now()) * -1
    if (size > 0) {
      this.#messages.push(message)
      this.#expires = Date.now() + ttl
      grown += sizeOf(message)
    }
    while (this.size > size) grown -= this.shift()
    return grown
  }

  /** Removes the oldest message. Returns the number of bytes freed. */
  shift (): number {
    const size = sizeOf(this.#messages[this.#first]!)
    this.#messages[this.#first++] = REMOVED
    const { length } = this.#messages
    if (this.#first === length || (this.#first >= COMPACT_FROM && this.#first * 2 > length)) {
      this.#messages = this.#messages.slice(this.#first)
      this.#first = 0
    }
    return size
  }

  /** Removes all messages. Returns the number of bytes freed. */
  clear (): number {
    let freed = 0
    while (this.size > 0) freed += this.shift()
    return freed
  }

  /** Removes all messages if they have expired. Returns the number of bytes freed. */
  dropExpired (now: number): number {
    return now < this.#expires ? 0 : this.clear()
  }

  read (after: string | undefined, limit: number): HistoryPage {
    const { head } = this
    if (after === undefined) {
      const start = Math.max(this.#first, this.#messages.length - limit)
      return { messages: this.#messages.slice(start), isGap: false, head }
    }
    const from = this.#indexBehind(after)
    const start = from < 0 ? this.#first : from
    return { messages: this.#messages.slice(start, start + limit), isGap: from < 0, head }
  }

  /** Returns the index of the message whose `prev` is `cursor`, or -1. Most readers are close to the end. */
  #indexBehind (cursor: string): number {
    if (cursor === '') return -1
    if (cursor === this.head) return this.#messages.length
    for (let i = this.#messages.length - 1; i >= this.#first; i--) if (this.#messages[i]!.prev === cursor) return i
    return -1
  }
}
