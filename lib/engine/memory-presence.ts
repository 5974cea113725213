import type { EngineEvents, EnginePresence, Member } from './engine.js'

/** Presence within one process. Leases are ignored: if the process ends, all members are gone. */
export class MemoryPresence implements EnginePresence {
  #events: EngineEvents | null = null
  #isSubscribed: (topic: string) => boolean = () => false
  readonly #topics = new Map<string, Map<string, Member>>()

  open (events: EngineEvents, isSubscribed: (topic: string) => boolean): void {
    this.#events = events
    this.#isSubscribed = isSubscribed
  }

  async join (topic: string, member: Member): Promise<void> {
    let members = this.#topics.get(topic)
    if (members === undefined) this.#topics.set(topic, members = new Map())
    if (members.has(member.id)) return
    members.set(member.id, member)
    if (this.#isSubscribed(topic)) this.#events?.joined(topic, member)
  }

  async leave (topic: string, id: string): Promise<void> {
    const members = this.#topics.get(topic)
    const member = members?.get(id)
    if (members === undefined || member === undefined) return
    members.delete(id)
    if (members.size === 0) this.#topics.delete(topic)
    if (this.#isSubscribed(topic)) this.#events?.left(topic, member)
  }

  async members (topic: string): Promise<readonly Member[]> {
    return Array.from(this.#topics.get(topic)?.values() ?? [])
  }

  close (): void {
    this.#events = null
    this.#topics.clear()
  }
}
