import { randomUUID } from 'node:crypto'
import type { EngineEvents, EngineState, Member, Publication, TopicMessage } from '../../lib/engine/engine.js'

/** Records the events of an engine, and waits for them. */
export class Recorder implements EngineEvents {
  readonly states: EngineState[] = []
  readonly #messages = new Map<string, TopicMessage[]>()
  readonly #presence = new Map<string, string[]>()
  readonly #waiting = new Set<() => void>()

  message (topic: string, message: TopicMessage): void {
    const list = this.#messages.get(topic)
    if (list === undefined) this.#messages.set(topic, [message])
    else list.push(message)
    this.#changed()
  }

  state (state: EngineState): void {
    this.states.push(state)
    this.#changed()
  }

  joined (topic: string, member: Member): void {
    this.#recordPresence(topic, `+${member.id}${member.info}`)
  }

  left (topic: string, member: Member): void {
    this.#recordPresence(topic, `-${member.id}${member.info}`)
  }

  /** The messages of a topic that were delivered so far. */
  delivered (topic: string): TopicMessage[] {
    return this.#messages.get(topic) ?? []
  }

  /** Resolves with all messages of a topic once there are at least `count`. */
  async messages (topic: string, count: number): Promise<TopicMessage[]> {
    await this.when(
      () => this.delivered(topic).length >= count, () => `${this.delivered(topic).length} of ${count} messages`
    )
    return this.delivered(topic).slice()
  }

  /** Resolves with all joins and leaves of a topic once there are at least `count`. */
  async presence (topic: string, count: number): Promise<string[]> {
    const list = (): string[] => this.#presence.get(topic) ?? []
    await this.when(() => list().length >= count, () => `${list().length} of ${count} joins and leaves`)
    return list().slice()
  }

  /** Resolves once the engine has reported `state` `count` times. */
  async reported (state: EngineState, count: number): Promise<void> {
    await this.when(
      () => this.states.filter((each) => each === state).length >= count, () => `states: ${this.states.join()}`
    )
  }

  async when (condition: () => boolean, describe: () => string, timeout = 60_000): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check)
        reject(new Error(`nothing more arrived: ${describe()}`))
      }, timeout)
      const check = (): void => {
        if (!condition()) return
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
    })
  }

  #recordPresence (topic: string, text: string): void {
    const list = this.#presence.get(topic)
    if (list === undefined) this.#presence.set(topic, [text])
    else list.push(text)
    this.#changed()
  }

  #changed (): void {
    for (const check of this.#waiting) check()
  }
}

/** Creates a publication of text or bytes. */
export function publication (
  data: string | Buffer, { id = randomUUID(), kind = '', isCompressible }: Partial<Publication> = {}
): Publication {
  return { id, data: Buffer.from(data as string), isBinary: typeof data !== 'string', kind, isCompressible }
}

export const texts = (messages: readonly TopicMessage[]): string[] => messages.map(({ data }) => data.toString())

/** Polls a condition of which no event informs. */
export async function until (condition: () => Promise<boolean>, timeout = 60_000): Promise<void> {
  for (const end = Date.now() + timeout; !await condition();) {
    if (Date.now() > end) throw new Error(`the condition did not hold within ${timeout} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
