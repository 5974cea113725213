import type { HistoryPage, TopicMessage } from '../engine/engine.js'

/** The source of a feed's history and the receiver of its events. */
export interface FeedOwner {
  read (topic: string, after: string, limit: number): Promise<HistoryPage>
  /** Called once for each message, in the engine's order. */
  message (feed: Feed, message: TopicMessage): void
  /** Messages after the last one are lost. The feed continues after `cursor`. */
  gap (feed: Feed, cursor: string): void
  /** Missing messages could not be read. The owner calls `refill()` to try again. */
  unfilled (feed: Feed, error: unknown): void
}

// The number of messages to read from the history at a time.
const PAGE_LENGTH = 500

// Recent messages are kept, so that sockets that resume after a moment need no request to the engine.
const RECENT_LENGTH = 64
const RECENT_BYTES = 65_536

const DONE = Promise.resolve()

/** The progress in state 'filling'. */
interface Fill {
  /** The value of `last` at the beginning. */
  readonly from: string
  /** Whether a gap was reported. */
  hasGap: boolean
}

/**
 * The messages of one topic in this process, complete and in order.
 *
 *   joining ── start() ──▶ live ── a message is missing, or refill() ──▶ filling ── filled, or reading failed ──▶ live
 *   any state ── stop() ──▶ stopped
 *
 * If the `prev` of a message is not the last cursor, messages are missing. That message and all later ones wait until
 * the history has been read. Messages that the history no longer has are reported as a gap.
 */
export class Feed {
  readonly topic: string
  /** The cursor of the last reported message, or the cursor at which the feed started. */
  last = ''
  readonly #owner: FeedOwner
  #state: 'joining' | 'live' | 'filling' | 'stopped' = 'joining'
  #filling: Promise<void> = DONE
  #waiting: TopicMessage[] = []
  #recent: TopicMessage[] | undefined
  #recentBytes = 0

  constructor (topic: string, owner: FeedOwner) {
    this.topic = topic
    this.#owner = owner
  }

  get isLive (): boolean {
    return this.#state === 'live'
  }

  /** Called when the subscription is active. All messages after `head` will arrive. */
  start (head: string): void {
    if (this.#state !== 'joining') return
    this.last = head
    this.#state = 'live'
    this.#takeWaiting()
  }

  stop (): void {
    this.#state = 'stopped'
    this.#waiting = []
    this.#recent = undefined
  }

  /** Called for each message of the engine. */
  receive (message: TopicMessage): void {
    if (this.#state === 'live') this.#take(message)
    else if (this.#state !== 'stopped') this.#waiting.push(message)
  }

  /** Reads the history after the last message, because messages may be missing. Also resolves if reading failed. */
  refill (): Promise<void> {
    if (this.#state === 'live') {
      this.#state = 'filling'
      this.#filling = this.#fill()
    }
    return this.#filling
  }

  /** Returns the messages after `cursor`, or undefined if the history has to be read for them. */
  since (cursor: string): readonly TopicMessage[] | undefined {
    if (cursor === this.last) return []
    const index = this.#recent?.findIndex((message) => message.prev === cursor) ?? -1
    return index === -1 || cursor === '' ? undefined : this.#recent?.slice(index)
  }

  #take (message: TopicMessage): void {
    if (message.prev === this.last) {
      this.#report(message)
    } else if (!this.#knows(message.cursor)) {
      this.#waiting.push(message)
      this.refill()
    }
  }

  #knows (cursor: string): boolean {
    return cursor === this.last || this.#recent?.some((message) => message.cursor === cursor) === true
  }

  #report (message: TopicMessage): void {
    this.last = message.cursor
    const recent = this.#recent ??= []
    recent.push(message)
    this.#recentBytes += message.data.length
    while (recent.length > RECENT_LENGTH || (this.#recentBytes > RECENT_BYTES && recent.length > 1)) {
      this.#recentBytes -= (recent.shift() as TopicMessage).data.length
    }
    this.#owner.message(this, message)
  }

  #lose (cursor: string): void {
    this.last = cursor
    this.#recent = undefined
    this.#recentBytes = 0
    this.#owner.gap(this, cursor)
  }

  async #fill (): Promise<void> {
    try {
      const fill: Fill = { from: this.last, hasGap: false }
      while (await this.#fillOnce(fill)) ;
    } catch (error) {
      if (this.#state !== 'filling') return
      this.#state = 'live'
      this.#owner.unfilled(this, error)
      return
    }
    if (this.#state !== 'filling') return
    this.#state = 'live'
    this.#takeWaiting()
  }

  /** @returns whether the history has to be read once more */
  async #fillOnce (fill: Fill): Promise<boolean> {
    const waited = new Set(this.#waiting)
    const [first] = waited
    const filled = await this.#readHistory(fill)
    if (this.#state !== 'filling') return false
    this.#waiting = this.#waiting.filter(({ cursor }) => !filled.has(cursor) && cursor !== this.last)
    const next = this.#waiting[0]
    if (next === undefined || next.prev === this.last) return false
    // The engine accepts a message before it delivers it. If a history that was read after the delivery does not
    // contain the message, the engine has lost it.
    if (next !== first) return true
    if (await this.#dropOld(next)) return true
    if (this.#state !== 'filling') return false
    if (fill.from === this.last) {
      this.#lose(next.prev)
      return false
    }
    // Messages accepted after the loss have been reported already. Earlier ones would be out of order.
    this.#waiting = this.#waiting.filter((message) => !waited.has(message))
    if (!fill.hasGap) this.#lose(this.last)
    fill.hasGap = true
    return true
  }

  /**
   * Drops a message that arrived late: one from before the feed started, or older than `#recent`. The history then
   * contains the message, followed by the last reported one.
   * @returns whether the message was dropped
   */
  async #dropOld (message: TopicMessage): Promise<boolean> {
    const old = new Set<string>()
    for (let after = message.prev; ;) {
      const { messages } = await this.#owner.read(this.topic, after, PAGE_LENGTH)
      for (const { cursor } of messages) {
        old.add(cursor)
        if (cursor !== this.last) continue
        if (!old.has(message.cursor)) return false
        this.#waiting = this.#waiting.filter((waiting) => !old.has(waiting.cursor))
        return true
      }
      if (messages.length < PAGE_LENGTH || !old.has(message.cursor)) return false
      after = (messages.at(-1) as TopicMessage).cursor
    }
  }

  /** Reports the messages of the history after the last one, and returns their cursors. */
  async #readHistory (fill: Fill): Promise<ReadonlySet<string>> {
    const filled = new Set<string>()
    for (;;) {
      const { messages, isGap, head } = await this.#owner.read(this.topic, this.last, PAGE_LENGTH)
      if (this.#state !== 'filling') return filled
      const begin = messages[0]?.prev ?? head
      // An empty `last` means the beginning of the topic, whose first message has no predecessor.
      if (isGap || (this.last === '' && begin !== '' && messages.length > 0)) {
        // Without a kept history, the waiting messages are the only ones.
        if (messages.length === 0 && this.#waiting.some(({ cursor }) => cursor === head)) return filled
        fill.hasGap = true
        this.#lose(begin)
      }
      for (const message of messages) {
        filled.add(message.cursor)
        this.#report(message)
      }
      if (messages.length < PAGE_LENGTH) return filled
    }
  }

  #takeWaiting (): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const message of waiting) this.receive(message)
  }
}
