import type { Engine, EngineEvents, EngineState, TopicMessage } from '../../lib/engine/engine.js'

/**
 * Follows one topic like a process with subscribers: it delivers messages that continue the chain, and reads the
 * history if one does not, or if the engine is ready again.
 */
export class Follower implements EngineEvents {
  readonly received: string[] = []
  gaps = 0
  readonly #engine: Engine
  readonly #topic: string
  #last = ''
  #isSubscribed = false
  #isReading = false
  #readAgain = false
  readonly #ids = new Set<string>()
  readonly #waiting = new Set<() => void>()

  constructor (engine: Engine, topic: string) {
    this.#engine = engine
    this.#topic = topic
  }

  async start (): Promise<void> {
    await this.#engine.open(this)
    this.#last = await this.#engine.subscribe(this.#topic)
    this.#isSubscribed = true
    this.#catchUp()
  }

  message (_topic: string, message: TopicMessage): void {
    // Messages that arrive before the first cursor is known, or while the history is read, are in the history.
    if (!this.#isSubscribed) return
    if (this.#isReading || message.prev !== this.#last) this.#catchUp()
    else this.#deliver(message)
  }

  state (state: EngineState): void {
    if (state === 'ready' && this.#isSubscribed) this.#catchUp()
  }

  joined (): void {}
  left (): void {}

  async until (text: string): Promise<void> {
    while (!this.received.includes(text)) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  #deliver (message: TopicMessage): void {
    this.#last = message.cursor
    // After a server has lost its data, unanswered messages may be published again, under other cursors.
    if (this.#ids.has(message.id)) return
    this.#ids.add(message.id)
    this.received.push(message.data.toString())
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #catchUp (): void {
    if (this.#isReading) {
      this.#readAgain = true
      return
    }
    this.#isReading = true
    this.#read().catch(() => {}).finally(() => {
      this.#isReading = false
      if (this.#readAgain) this.#catchUp()
    })
  }

  /** Fails while the engine is down. The next 'ready' reads again, even if it arrives before this has failed. */
  async #read (): Promise<void> {
    do {
      this.#readAgain = false
      const { messages, isGap, head } = await this.#engine.read(this.#topic, this.#last, 500)
      if (isGap) this.gaps++
      for (const message of messages) this.#deliver(message)
      if (messages.length === 0) this.#last = head
      if (this.#last !== head) this.#readAgain = true
    } while (this.#readAgain)
  }
}
