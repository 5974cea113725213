import type { Engine, EngineEvents, EngineState, TopicMessage } from '../../lib/engine/engine.js'

/**
 * Follows one topic as a process with subscribers does: delivers what continues the chain, reads the history where it does
 * not, and whenever the engine is back.
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
  readonly #waiting = new Set<() => void>()
  state: (state: EngineState) => void = () => {}

  constructor (engine: Engine, topic: string) {
    this.#engine = engine
    this.#topic = topic
  }

  async start (): Promise<void> {
    await this.#engine.open({
      message: (_topic, message) => this.message(_topic, message),
      state: (state) => { if (state === 'ready' && this.#isSubscribed) this.#catchUp() },
      joined () {},
      left () {}
    })
    this.#last = await this.#engine.subscribe(this.#topic)
    this.#isSubscribed = true
  }

  message (_topic: string, message: TopicMessage): void {
    // What comes before the first cursor is known, or while history is read, is in the history.
    if (!this.#isSubscribed || this.#isReading || message.prev !== this.#last) this.#catchUp()
    else this.#deliver(message)
  }

  joined (): void {}
  left (): void {}

  async until (text: string): Promise<void> {
    while (!this.received.includes(text)) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  #deliver (message: TopicMessage): void {
    this.#last = message.cursor
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
    this.#read().catch(() => {}).finally(() => { this.#isReading = false })
  }

  /** Fails while the engine is down: its next 'ready' begins again. */
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
