/** The keys of a topic, all in the same slot of a cluster. The channel has the name of the stream. */
export interface TopicKeys {
  readonly stream: string
  readonly head: string
  readonly ids0: string
  readonly ids1: string
  readonly members: string
  readonly holds: string
}

/** The number of cached topics at which the cache is cleared. */
const MAX_CACHED = 10_000

export class RedisKeys {
  readonly #prefix: string
  readonly #cache = new Map<string, TopicKeys>()

  constructor (prefix: string) {
    this.#prefix = prefix
  }

  of (topic: string): TopicKeys {
    let keys = this.#cache.get(topic)
    if (keys === undefined) {
      if (this.#cache.size >= MAX_CACHED) this.#cache.clear()
      const stream = `${this.#prefix}{${hashTag(topic)}}`
      keys = {
        stream, head: `${stream}h`, ids0: `${stream}i0`, ids1: `${stream}i1`, members: `${stream}m`, holds: `${stream}l`
      }
      this.#cache.set(topic, keys)
    }
    return keys
  }
}

/**
 * Encodes a topic as a hash tag. A cluster computes the slot from the text between the first `{` and the next `}`, or
 * from the whole key if that text is empty.
 */
function hashTag (topic: string): string {
  return topic === '' ? '%' : topic.replace(/[%}]/g, (character) => character === '%' ? '%25' : '%7D')
}
