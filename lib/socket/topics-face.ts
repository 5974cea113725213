import { NoTopics } from '../errors.js'
import { EventTargetFace } from './event-target-face.js'
import type { Published, PublishOptions, SocketTopics } from './topics.js'

/** The property that holds the topics of the application; undefined for a socket that no route opened. */
export const socketTopics = Symbol('topics')

/** The methods of a socket for topics. `Socket` is the class that extends this one. */
export abstract class TopicsFace<Socket> extends EventTargetFace<Socket> {
  /** @internal */
  abstract get [socketTopics] (): SocketTopics | undefined

  /** The first topic that the socket follows; '' if it follows none. */
  get topic (): string {
    return this.topics[0] ?? ''
  }

  /** The topics that the socket follows. */
  get topics (): string[] {
    return this[socketTopics]?.topicsOf(this) ?? []
  }

  /**
   * Follows a topic: its messages are sent to the client from now on. Resolves once the subscription is active.
   * @throws TopicInvalid, TooManyTopics
   */
  subscribe (topic: string): Promise<void> {
    return topicsFor(this).subscribe(this, topic)
  }

  /** Stops following a topic. */
  unsubscribe (topic: string): void {
    topicsFor(this).unsubscribe(this, topic)
  }

  isSubscribed (topic: string): boolean {
    return topicsFor(this).isSubscribed(this, topic)
  }

  /**
   * Sends a message to all followers of a topic, on every process, except this socket. Resolves once the engine has
   * accepted it. See `app.topics.publish()` for the types of `data`.
   */
  publish (topic: string, data: unknown, options?: PublishOptions): Promise<Published> {
    return topicsFor(this).publish(this, topic, data, options)
  }
}

// No private accessor, which would cost 8 bytes per socket: see EventTargetFace.
function topicsFor (socket: { readonly [socketTopics]: SocketTopics | undefined }): SocketTopics {
  const topics = socket[socketTopics]
  if (topics === undefined) throw new NoTopics()
  return topics
}
