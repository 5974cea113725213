import type { HistoryPage, TopicMessage } from '../engine/engine.js'

/** What a feed asks and reports. */
export interface FeedOwner {
  read (topic: string, after: string, limit: number): Promise<HistoryPage>
  /** The next message of the topic. Each is reported once, in the engine's order. */
  message (feed: Feed, message: TopicMessage): void
  /** Messages between the last one and `cursor` are gone; `cursor` is where the feed goes on. */
  gap (feed: Feed, cursor: string): void
  /** A hole could not be filled: the owner calls `refill()` when it is worth another try. */
  unfilled (feed: Feed, error: unknown): void
}

// How many messages are read from the history at a time.
const PAGE_LENGTH = 500

// Messages that are kept for sockets that resume a moment later, so that most of these cost the engine nothing.
const RECENT_LENGTH = 64
const RECENT_BYTES = 65_536

const DONE = Promise.resolve()

/** What has happened since the state is 'filling'. */
interface Fill {
  /** The last message at the beginning. */
  readonly from: string
  /** Whether a gap was reported. */
  hasGap: boolean
}

/**
 * The messages of one topic in this process, whole and in order.
 *
 *   joining ── start() ──▶ live ── a hole, refill() ──▶ filling ── filled ──▶ live
 *      │                                                   │
 *      └──────────────── stop() ──▶ stopped ◀── stop() ────┘
 *
 * A message that names another predecessor than the last one shows a hole. It waits, with all that follow it, until the
 * history has been read. What the history no longer has is reported as a gap, never passed over.
 */
export class Feed {
  readonly topic: string
  /** The cursor of the last message reported, or where the feed began. */
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

  /** The subscription is in force, from the message behind `head` on. */
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

  /** A message came from the engine. */
  receive (message: TopicMessage): void {
    if (this.#state === 'live') this.#take(message)
    else if (this.#state !== 'stopped') this.#waiting.push(message)
  }

  /**
   * Messages may have been missed: reads the history behind the last one. Resolves when that is done, or has failed.
   */
  refill (): Promise<void> {
    if (this.#state === 'live') {
      this.#state = 'filling'
      this.#filling = this.#fill()
    }
    return this.#filling
  }

  /** The messages behind `cursor`, where they are still at hand; undefined where the history has to be read. */
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
    // A message was accepted before it was delivered, so a history that was read later and does not hold it has lost
    // it.
    if (next !== first) return true
    if (await this.#dropOld(next)) return true
    if (this.#state !== 'filling') return false
    if (fill.from === this.last) {
      this.#lose(next.prev)
      return false
    }
    // What was accepted after the loss is reported already, and what was before it would be out of order.
    this.#waiting = this.#waiting.filter((message) => !waited.has(message))
    if (!fill.hasGap) this.#lose(this.last)
    fill.hasGap = true
    return true
  }

  /**
   * A message may come late: from before the feed began, or after the history was read further than `#recent` reaches.
   * The history then holds it, and the last message behind it.
   * @returns whether it was so
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

  /** Reports what the history holds behind the last message, and returns the cursors of all that. */
  async #readHistory (fill: Fill): Promise<ReadonlySet<string>> {
    const filled = new Set<string>()
    for (;;) {
      const { messages, isGap, head } = await this.#owner.read(this.topic, this.last, PAGE_LENGTH)
      if (this.#state !== 'filling') return filled
      const begin = messages[0]?.prev ?? head
      // From the beginning of the topic: its first message has no predecessor.
      if (isGap || (this.last === '' && begin !== '' && messages.length > 0)) {
        // Where no history is kept, what waits is all there is.
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
