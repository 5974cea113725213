import { TooManyTopics } from '../errors.js'
import type { WireSocket } from '../socket/socket.js'
import type { LocalTopic } from './local-topic.js'

// Up to so many topics, a list takes less memory than a set, and is as fast.
const LIST_LENGTH = 16

/** Which topics each socket follows. Most have one, which stands for itself; some have a few, and few have many. */
export class FollowedTopics {
  readonly #ofSocket = new Map<WireSocket, LocalTopic | LocalTopic[] | Set<LocalTopic>>()

  /**
   * @returns whether it did not follow the topic before
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

  /** @returns whether it followed the topic */
  delete (socket: WireSocket, topic: LocalTopic): boolean {
    const topics = this.#ofSocket.get(socket)
    if (topics === undefined) return false
    if (!isCollection(topics)) return topics === topic && this.#ofSocket.delete(socket)
    if (!Array.isArray(topics)) return topics.delete(topic)
    const index = topics.indexOf(topic)
    if (index === -1) return false
    // Their order means nothing.
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
