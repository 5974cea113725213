import type { WireSocket } from '../socket/socket.js'
import type { LocalTopic } from './local-topic.js'

// Up to this length, an array takes less memory than a Set, and is as fast.
const LIST_LENGTH = 16

// A property of the socket is found without a search, which takes long in a Map of many sockets.
const FOLLOWED = Symbol('followed topics')

interface Follower {
  [FOLLOWED]?: LocalTopic | LocalTopic[] | Set<LocalTopic> | undefined
}

/** The topics of one hub that each of its sockets follows: stored as a single topic, an array, or a Set. */
export class FollowedTopics {
  /** Adds a topic that the socket does not follow. */
  add (socket: WireSocket & Follower, topic: LocalTopic): void {
    const topics = socket[FOLLOWED]
    if (topics === undefined) socket[FOLLOWED] = topic
    else if (!isCollection(topics)) socket[FOLLOWED] = [topics, topic]
    else if (!Array.isArray(topics)) topics.add(topic)
    else if (topics.length < LIST_LENGTH) topics.push(topic)
    else socket[FOLLOWED] = new Set(topics).add(topic)
  }

  count (socket: WireSocket & Follower): number {
    const topics = socket[FOLLOWED]
    if (topics === undefined) return 0
    return !isCollection(topics) ? 1 : Array.isArray(topics) ? topics.length : topics.size
  }

  /** @returns whether the socket followed the topic */
  delete (socket: WireSocket & Follower, topic: LocalTopic): boolean {
    const topics = socket[FOLLOWED]
    if (topics === undefined) return false
    if (!isCollection(topics)) {
      if (topics !== topic) return false
      socket[FOLLOWED] = undefined
      return true
    }
    if (!Array.isArray(topics)) return topics.delete(topic)
    const index = topics.indexOf(topic)
    if (index === -1) return false
    // The order does not matter.
    const last = topics.pop() as LocalTopic
    if (index < topics.length) topics[index] = last
    return true
  }

  has (socket: WireSocket & Follower, topic: LocalTopic): boolean {
    const topics = socket[FOLLOWED]
    return topics === topic || (topics !== undefined && isCollection(topics) && has(topics, topic))
  }

  of (socket: WireSocket & Follower): readonly LocalTopic[] {
    const topics = socket[FOLLOWED]
    if (topics === undefined) return []
    return isCollection(topics) ? [...topics] : [topics]
  }

  forget (socket: WireSocket & Follower): void {
    // A socket that followed nothing does not get the property.
    if (socket[FOLLOWED] !== undefined) socket[FOLLOWED] = undefined
  }
}

function isCollection (topics: LocalTopic | LocalTopic[] | Set<LocalTopic>): topics is LocalTopic[] | Set<LocalTopic> {
  return Array.isArray(topics) || topics instanceof Set
}

function has (topics: LocalTopic[] | Set<LocalTopic>, topic: LocalTopic): boolean {
  return Array.isArray(topics) ? topics.includes(topic) : topics.has(topic)
}
