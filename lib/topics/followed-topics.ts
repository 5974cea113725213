import { TooManyTopics } from '../errors.js'
import type { WireSocket } from '../socket/socket.js'
import type { LocalTopic } from './local-topic.js'

// Up to this length, an array takes less memory than a Set, and is as fast.
const LIST_LENGTH = 16

/** The topics that each socket follows: stored as a single topic, an array, or a Set. */
export class FollowedTopics {
  readonly #ofSocket = new Map<WireSocket, LocalTopic | LocalTopic[] | Set<LocalTopic>>()

  /**
   * @returns false if the socket follows the topic already
   * @throws TooManyTopics
   */
  add (socket: WireSocket, topic: LocalTopic, maxTopics: number): boolean {
    const topics = this.#ofSocket.get(socket)
    if (topics === undefined) {
      this.#ofSocket.set(socket, topic)
      return true
    }
    if (topics === topic || (isCollection(topics) && has(topics, topic))) return false
    const count = !isCollection(topics) ? 1 : Array.isArray(topics) ? topics.length : topics.size
    if (count >= maxTopics) throw new TooManyTopics(maxTopics)
    if (!isCollection(topics)) this.#ofSocket.set(socket, [topics, topic])
    else if (!Array.isArray(topics)) topics.add(topic)
    else if (topics.length < LIST_LENGTH) topics.push(topic)
    else this.#ofSocket.set(socket, new Set(topics).add(topic))
    return true
  }

  /** @returns whether the socket followed the topic */
  delete (socket: WireSocket, topic: LocalTopic): boolean {
    const topics = this.#ofSocket.get(socket)
    if (topics === undefined) return false
    if (!isCollection(topics)) return topics === topic && this.#ofSocket.delete(socket)
    if (!Array.isArray(topics)) return topics.delete(topic)
    const index = topics.indexOf(topic)
    if (index === -1) return false
    // The order does not matter.
    const last = topics.pop() as LocalTopic
    if (index < topics.length) topics[index] = last
    return true
  }

  has (socket: WireSocket, topic: LocalTopic): boolean {
    const topics = this.#ofSocket.get(socket)
    return topics === topic || (topics !== undefined && isCollection(topics) && has(topics, topic))
  }

  of (socket: WireSocket): readonly LocalTopic[] {
    const topics = this.#ofSocket.get(socket)
    if (topics === undefined) return []
    return isCollection(topics) ? [...topics] : [topics]
  }

  forget (socket: WireSocket): void {
    this.#ofSocket.delete(socket)
  }
}

function isCollection (topics: LocalTopic | LocalTopic[] | Set<LocalTopic>): topics is LocalTopic[] | Set<LocalTopic> {
  return Array.isArray(topics) || topics instanceof Set
}

function has (topics: LocalTopic[] | Set<LocalTopic>, topic: LocalTopic): boolean {
  return Array.isArray(topics) ? topics.includes(topic) : topics.has(topic)
}
