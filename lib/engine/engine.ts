/**
 * Carries messages between processes. An engine knows topics by their exact names; it knows no sockets or routes.
 *
 *   publish(topic) ──▶ accepted: ordered, chained to its predecessor, kept according to `retention` ──▶ { cursor }
 *                          └──▶ events.message(topic, …) in every process that subscribed
 *
 * Order: all processes receive the messages of a topic in the same order. Each message carries the cursor of its
 * predecessor as `prev`. If `prev` differs from the last cursor that a process received, the process has missed
 * messages and calls `read()`.
 *
 * Cursors are opaque and never empty. Callers compare them for equality and pass them back, nothing else. A cursor
 * never names two messages of a topic, even after the engine lost its data or was restored from a backup.
 *
 * A topic is any well-formed Unicode string.
 */
export interface Engine {
  /** A short name for log lines and metrics, such as 'redis'. */
  readonly name: string
  /** Present if the engine tracks members across processes. */
  readonly presence?: EnginePresence | undefined
  /**
   * Connects. Called once, before any other method. Resolves after the engine has reported its first state. An engine
   * that cannot reach its server reports 'down' and keeps trying. Rejects if trying again would not help: an option is
   * wrong, a package is missing, the server refuses the credentials, or its version is too old.
   */
  open (events: EngineEvents): Promise<void>
  /**
   * Resolves once the engine has stored the message in the topic's order, as durably as it stores anything. Rejects if
   * the message was not accepted, or if that is unknown when the time limit ends. A message that was in flight when the
   * connection broke is sent again with the same id. The engine drops the duplicate and answers with the cursor of the
   * original.
   */
  publish (topic: string, publication: Publication, retention: Retention): Promise<Accepted>
  /**
   * Subscribes to a topic: `events.message()` is called for each message from now on. Resolves when the subscription is
   * active, with the cursor of the newest message at that time or earlier. All later messages are delivered, some
   * perhaps before the promise resolves. A topic without messages also has a cursor: the `prev` of its first message.
   * Rejects while the engine is down.
   */
  subscribe (topic: string): Promise<string>
  /** Ends a subscription. Messages in flight may still arrive. */
  unsubscribe (topic: string): Promise<void>
  /**
   * Reads from the history of a topic, oldest first.
   * @param after the cursor to start after; undefined for the last `limit` messages
   * @param limit the most messages to return, at least 1
   */
  read (topic: string, after: string | undefined, limit: number): Promise<HistoryPage>
  /**
   * Closes all connections and stops all timers. Pending `publish()` calls reject, although their messages may have
   * been accepted. The members of this process stay until its lease expires, so that they can join through another
   * process in the meantime.
   */
  close (): Promise<void>
}

/** A message as it is published. */
export interface Publication {
  /**
   * Unique to this message in its topic. The engine drops a second publication with the same id and answers with the
   * cursor of the first. Engines remember ids for at least a minute, or the last 10,000 ids of a process. A server that
   * lost its data has also lost the ids: after a gap, a message may arrive again with another cursor. Compare ids if a
   * message must not be processed twice.
   */
  readonly id: string
  readonly data: Buffer
  readonly isBinary: boolean
  /** The kind of message, for the backpressure policy 'latest'; '' if it has none. */
  readonly kind: string
  /** Whether the message may be compressed for peers that support it. Default: true. */
  readonly isCompressible?: boolean | undefined
}

/** A message as it is delivered and read. */
export interface TopicMessage extends Publication {
  readonly cursor: string
  /** The cursor of the previous message in this topic; '' if the engine does not know it. */
  readonly prev: string
}

/** The result of `publish()`. */
export interface Accepted {
  readonly cursor: string
}

/** How much of a topic's history is kept. */
export interface Retention {
  /** The maximum number of messages. */
  readonly size: number
  /** How long messages are kept after the newest one, in milliseconds. Its cursor is remembered for longer. */
  readonly ttl: number
}

export interface HistoryPage {
  /**
   * Oldest first, each chained to its predecessor. After a gap, the messages newer than `after`, as far as the engine
   * knows.
   */
  readonly messages: readonly TopicMessage[]
  /** Whether messages after `after` are or may be missing, because the history no longer contains `after`. */
  readonly isGap: boolean
  /** The newest cursor of the topic; '' if the engine has none. */
  readonly head: string
}

export type EngineState = 'ready' | 'down'

/** The events of an engine. These functions never throw. */
export interface EngineEvents {
  message (topic: string, message: TopicMessage): void
  /**
   * The connection became usable or unusable. When 'ready' follows 'down', all subscriptions are active again, but
   * messages may have been missed: subscribers read the history after their last cursor.
   */
  state (state: EngineState, error?: Error): void
  /**
   * Called once in each process that is subscribed to the topic. An engine that was down may miss some of these events,
   * or repeat one for a member that rejoins because the server lost its data. After 'ready', compare with `members()`.
   */
  joined (topic: string, member: Member): void
  left (topic: string, member: Member): void
}

/** A follower of a topic, through any number of sockets and processes. */
export interface Member {
  readonly id: string
  /** The application's data about the member, as JSON. */
  readonly info: string
}

/**
 * Members are counted across processes. A member joins when the first process calls `join()` for it. It leaves when
 * the last such process calls `leave()`, or when the leases of all these processes have expired.
 */
export interface EnginePresence {
  /**
   * @param lease how long the members stay after this process stops responding, in milliseconds; the engine renews
   *   the lease itself
   */
  join (topic: string, member: Member, lease: number): Promise<void>
  leave (topic: string, id: string): Promise<void>
  members (topic: string): Promise<readonly Member[]>
}
