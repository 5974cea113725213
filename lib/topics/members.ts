import type { EnginePresence } from '../engine/engine.js'
import type { LiveMember } from './frames.js'
import type { LocalTopic } from './local-topic.js'
import type { TopicRuleBook } from './topic-rules.js'

/** Receives the joins and leaves of all processes. */
export interface MemberObserver {
  joined (topic: string, member: LiveMember): void
  left (topic: string, member: LiveMember): void
  failed (error: unknown): void
}

/** The members of topics, of all processes, as the engine reports them. */
export class TopicMembers {
  readonly #presence: EnginePresence | undefined
  readonly #rules: TopicRuleBook
  readonly #observer: MemberObserver

  constructor (presence: EnginePresence | undefined, rules: TopicRuleBook, observer: MemberObserver) {
    this.#presence = presence
    this.#rules = rules
    this.#observer = observer
  }

  /** Reads the members of a topic. Returns undefined if the engine has no presence. */
  read (name: string): Promise<LiveMember[]> | undefined {
    return this.#presence?.members(name).then((members) => members.map(({ info }) => JSON.parse(info) as LiveMember))
  }

  /** Does the same, and remembers the members for `refresh()`. Returns undefined if the topic has no presence. */
  readAndRemember (topic: LocalTopic): Promise<LiveMember[]> | undefined {
    if (!topic.hasPresence && !this.#rules.find(topic.name).hasPresence) return undefined
    return this.read(topic.name)?.then((members) => {
      topic.members = new Map(members.map((member) => [member.id, member]))
      return members
    })
  }

  /** Reports the joins and leaves that happened while the engine was down. */
  refresh (topic: LocalTopic): void {
    const { members: known, name } = topic
    if (known === undefined) return
    this.read(name)?.then((members) => {
      const present = new Set(members.map(({ id }) => id))
      for (const member of members) if (!known.has(member.id)) this.notify('join', name, topic, member)
      for (const [id, member] of known) if (!present.has(id)) this.notify('leave', name, topic, member)
    }).catch((error: unknown) => { this.#observer.failed(error) })
  }

  /**
   * Reports a join or leave to the observer and to live sockets.
   * @param topic undefined if this process does not follow the topic
   */
  notify (type: 'join' | 'leave', name: string, topic: LocalTopic | undefined, member: LiveMember): void {
    if (topic !== undefined) {
      topic.presenceVersion++
      if (type === 'join') topic.members?.set(member.id, member)
      else topic.members?.delete(member.id)
      topic.sendToLive({ type, topic: name, member })
    }
    if (type === 'join') this.#observer.joined(name, member)
    else this.#observer.left(name, member)
  }
}
