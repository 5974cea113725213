import { createHash } from 'node:crypto'

/** Names of a topic for NATS, where a dot separates tokens and `*` and `>` are patterns. */
export interface TopicSubjects {
  /** The topic as one token of a subject. */
  readonly token: string
  /** To publish to: what the stream stores. */
  readonly publish: string
  /** To subscribe to: what the stream has stored. */
  readonly deliver: string
  /** Stands for the topic in the ids of its messages, which are unique in the whole stream. */
  readonly digest: string
}

/** Topics whose subjects are kept ready, before all are let go. */
const MAX_CACHED = 10_000
/** Longer tokens are digests: a server refuses lines over 4096 bytes. */
const MAX_TOKEN = 1024

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

/**
 * Any text as one token. What cannot stand in one is percent-encoded; a long one is a digest, and begins with what no
 * other has.
 */
export function tokenOf (text: string): string {
  // encodeURIComponent() leaves '.' and '*' as they are.
  const token = encodeURIComponent(text).replace(/[.*]/g, (character) => character === '.' ? '%2E' : '%2A')
  if (token === '') return '%'
  return token.length <= MAX_TOKEN ? token : `%%${digestOf(text)}`
}

export class NatsSubjects {
  readonly #prefix: string
  readonly #cache = new Map<string, TopicSubjects>()

  constructor (prefix: string) {
    this.#prefix = prefix
  }

  of (topic: string): TopicSubjects {
    let subjects = this.#cache.get(topic)
    if (subjects === undefined) {
      if (this.#cache.size >= MAX_CACHED) this.#cache.clear()
      const token = tokenOf(topic)
      const prefix = this.#prefix
      const digest = digestOf(topic).slice(0, 16)
      subjects = { token, publish: `${prefix}.p.${token}`, deliver: `${prefix}.d.${token}`, digest }
      this.#cache.set(topic, subjects)
    }
    return subjects
  }
}
