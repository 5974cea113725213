/** The keys of a topic. All are in one slot of a cluster, and the channel has the name of the stream. */
export interface TopicKeys {
  readonly stream: string
  readonly head: string
  readonly ids0: string
  readonly ids1: string
  readonly members: string
  readonly holds: string
}

/** Topics whose keys are kept ready, before all are let go. */
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
 * The slot is that of what stands between the braces, up to the first that closes; where nothing does, of the whole
 * key.
 */
function hashTag (topic: string): string {
  return topic === '' ? '%' : topic.replace(/[%}]/g, (character) => character === '%' ? '%25' : '%7D')
}
