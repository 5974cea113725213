export interface PublishOptions {
  /** Whether the message is binary. Default: true for bytes, false for all else. */
  binary?: boolean | undefined
  /** What the message is about: with the backpressure policy 'latest', a slow socket keeps the newest of each kind. */
  kind?: string | undefined
  /** Whether the message may be compressed, where that was agreed on. Default true. */
  compress?: boolean | undefined
  /** Names the message. A second message with the same id is the same one, and is dropped. Default: a new one. */
  id?: string | undefined
}

/** What became of a message that was published. */
export interface Published {
  /** Where the message stands in its topic. */
  readonly cursor: string
}

/** The topics of an application, as its sockets know them. Each method gets the socket that asks. */
export interface SocketTopics {
  /** @throws TopicInvalid, TooManyTopics */
  subscribe (socket: object, topic: string): Promise<void>
  unsubscribe (socket: object, topic: string): void
  isSubscribed (socket: object, topic: string): boolean
  topicsOf (socket: object): string[]
  publish (socket: object, topic: string, data: unknown, options: PublishOptions | undefined): Promise<Published>
  /** The socket is gone. */
  detach (socket: object): void
  /** Whether the client speaks the live subprotocol, in which a message that begins with NUL is a frame. */
  isLive (socket: object): boolean
  /** Takes such a message. Returns the payload of a plain message that begins with NUL itself; undefined for all others. */
  receiveFrame (socket: object, bytes: Buffer): Buffer | undefined
  /** Puts a plain message that begins with NUL into a frame. */
  wrap (payload: string | Buffer): string | Buffer
}
