import type { HistoryPage, Retention, TopicMessage } from './engine.js'

/** What a message costs beside its data: the objects around it, by a heap snapshot. */
const MESSAGE_OVERHEAD = 256
/** Removed entries at the front of the array are cut off when there are so many of them, and more than half are. */
const COMPACT_FROM = 32

/** Stands in the array for a message that was removed, until the array is compacted. */
const REMOVED: TopicMessage = {
  id: '', data: Buffer.alloc(0), isBinary: false, kind: '', isCompressible: true, cursor: '', prev: ''
}

const sizeOf = (message: TopicMessage): number => message.data.length + MESSAGE_OVERHEAD

/** The messages that are kept of one topic, and the cursor of the newest, which stays when they are gone. */
export class TopicLog {
  /** The cursor of the newest message; of the time before the first one, where there is none. */
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

  /** Returns by how many bytes the log has grown; this may be negative. */
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

  /** Removes the oldest message. Returns how many bytes that frees. */
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

  /** Returns how many bytes that frees. */
  clear (): number {
    let freed = 0
    while (this.size > 0) freed += this.shift()
    return freed
  }

  /** Returns how many bytes that frees. */
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

  /**
   * The place of the message whose predecessor is `cursor`; -1 where that is not known. Most readers are close to the
   * end.
   */
  #indexBehind (cursor: string): number {
    if (cursor === '') return -1
    if (cursor === this.head) return this.#messages.length
    for (let i = this.#messages.length - 1; i >= this.#first; i--) if (this.#messages[i]!.prev === cursor) return i
    return -1
  }
}
