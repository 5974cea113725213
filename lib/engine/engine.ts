/**
 * What carries messages between processes. An engine knows topics as exact names, and nothing of sockets or routes.
 *
 *   publish(topic) ──▶ accepted: ordered, chained to its predecessor, kept as `retention` says ──▶ { cursor }
 *                          └──▶ events.message(topic, …) in every process that subscribed
 *
 * Order and chain: all processes see the messages of a topic in one order, and each message names the cursor of the one
 * before it. A process that sees another `prev` than the last cursor it had has missed something and calls `read()`.
 * Cursors are opaque and never empty: they are compared for equality and handed back, never counted. The same cursor
 * never names two messages of a topic, not even after the engine lost its data or an old copy of them was restored.
 *
 * Topics are exact names, well-formed Unicode, of any characters.
 */
export interface Engine {
  /** A short name for log lines and metrics, such as 'redis'. */
  readonly name: string
  /** Present where the engine can tell who is there, across processes. */
  readonly presence?: EnginePresence | undefined
  /**
   * Connects. Called once, before any other method. Resolves after the engine has reported its first state; an engine
   * that cannot reach its server reports 'down' and goes on trying. Rejects where trying again would not help: an
   * option is wrong, a package is missing, the server refuses the credentials or is too old.
   */
  open (events: EngineEvents): Promise<void>
  /**
   * Resolves once the message is accepted: as durable as the engine is, and in its place in the topic's order. Rejects
   * where it was not accepted, or where that cannot be known within the time. A message that was in flight when the
   * connection broke is sent again under the same id; the engine drops the second and answers with the first one's
   * cursor.
   */
  publish (topic: string, publication: Publication, retention: Retention): Promise<Accepted>
  /**
   * Has `events.message()` called for each message of the topic from now on. Resolves, when the subscription is in
   * force, with the cursor of the newest message at that moment or before it: what comes later is delivered, and may
   * be delivered before this resolves. A topic without messages has a cursor as well, which is the `prev` of its first
   * message. Rejects while the engine is down.
   */
  subscribe (topic: string): Promise<string>
  /** Ends a subscription. What is on its way may still arrive. */
  unsubscribe (topic: string): Promise<void>
  /**
   * Reads from the history of a topic, oldest first.
   * @param after the cursor behind which to begin; undefined for the last `limit` messages
   * @param limit the most messages to return, at least 1
   */
  read (topic: string, after: string | undefined, limit: number): Promise<HistoryPage>
  /**
   * Lets go of all connections and timers. What is still being published rejects, though it may have been accepted.
   * Members that this process holds stay until its lease is over, so that they can join by another process in the
   * meantime.
   */
  close (): Promise<void>
}

/** A message as it is published. */
export interface Publication {
  /**
   * Unique to this message in its topic. A second publication with the same id is the same message: it is dropped, and
   * answered with the cursor of the first. Engines remember ids for a minute at least, or the last 10,000 of a
   * process. One whose server lost its data has lost these as well: after a gap a message may come again, under
   * another cursor, and whoever must not pass it on twice compares ids.
   */
  readonly id: string
  readonly data: Buffer
  readonly isBinary: boolean
  /** What the message is about, for the backpressure policy 'latest'; '' for nothing in particular. */
  readonly kind: string
  /** Whether it may be compressed for those who take that. Default: true. */
  readonly isCompressible?: boolean | undefined
}

/** A message as it is delivered and read. */
export interface TopicMessage extends Publication {
  readonly cursor: string
  /** The cursor of the message before it in this topic; '' where the engine does not remember one. */
  readonly prev: string
}

/** What `publish()` resolves with. */
export interface Accepted {
  readonly cursor: string
}

/** How much of a topic is kept. */
export interface Retention {
  /** The most messages. */
  readonly size: number
  /** How long after the last message, in milliseconds. The cursor of that message is remembered for longer. */
  readonly ttl: number
}

export interface HistoryPage {
  /**
   * Oldest first, each chained to the one before it; after a gap, those that are newer than `after` as far as can be
   * told.
   */
  readonly messages: readonly TopicMessage[]
  /** Whether messages between `after` and the first of these are gone, or may be: the history does not know `after`. */
  readonly isGap: boolean
  /** The newest cursor of the topic; '' where the engine remembers none. */
  readonly head: string
}

export type EngineState = 'ready' | 'down'

/** What an engine reports. None of these throws. */
export interface EngineEvents {
  message (topic: string, message: TopicMessage): void
  /**
   * The connection is usable, or is not. After 'ready' that follows 'down', subscriptions are in force again, and
   * messages may have been missed: whoever subscribed reads the history behind its last cursor.
   */
  state (state: EngineState, error?: Error): void
  /**
   * Reported once to each process that is subscribed to the topic. An engine that was down may have missed some of
   * these, or report again a member that joins anew because its server lost its data: after 'ready', compare with
   * `members()`.
   */
  joined (topic: string, member: Member): void
  left (topic: string, member: Member): void
}

/** Somebody who follows a topic, by however many sockets and processes. */
export interface Member {
  readonly id: string
  /** What the application says of the member, as JSON. */
  readonly info: string
}

/**
 * Members are counted by process: a member joins once, when the first process joins it, and leaves when the last
 * process lets go of it, or when the leases of all processes that hold it are over.
 */
export interface EnginePresence {
  /**
   * @param lease how long this process may be silent before its members leave, in milliseconds; the engine renews it
   *   itself
   */
  join (topic: string, member: Member, lease: number): Promise<void>
  leave (topic: string, id: string): Promise<void>
  members (topic: string): Promise<readonly Member[]>
}
