import { createHash } from 'node:crypto'

/** Names of a topic for NATS, where a dot separates tokens and `*` and `>` are patterns. */
export interface TopicSubjects {
  /** The topic as one token of a subject. */
  readonly token: string
  /** The subject to publish to. The stream stores its messages. */
  readonly publish: string
  /** The subject to subscribe to. The stream republishes stored messages to it. */
  readonly deliver: string
  /** Makes message ids, which are unique per topic, unique in the whole stream. */
  readonly digest: string
}

/** The number of cached topics at which the cache is cleared. */
const MAX_CACHED = 10_000
/** Longer tokens are replaced by digests, because a server refuses lines over 4096 bytes. */
const MAX_TOKEN = 1024

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

/**
 * Encodes any text as one token. Characters that a token cannot contain are percent-encoded. A long text becomes a
 * digest with the prefix `%%`, which no other token has.
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
