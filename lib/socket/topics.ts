export interface PublishOptions {
  /** Whether the message is binary. Default: true for bytes, otherwise false. */
  binary?: boolean | undefined
  /** With the `backpressure` policy 'latest', a slow peer gets only the newest message of each kind. Default ''. */
  kind?: string | undefined
  /** Whether the message may be compressed, if that was negotiated. Default true. */
  compress?: boolean | undefined
  /** A unique id of the message. A second message with the same id is dropped. Default: a random id. */
  id?: string | undefined
}

/** The result of publishing a message. */
export interface Published {
  /** The position of the message in its topic. */
  readonly cursor: string
}

/** The topics of an application, as far as sockets use them. Each method gets the socket that calls it. */
export interface SocketTopics {
  /** @throws TopicInvalid, TooManyTopics */
  subscribe (socket: object, topic: string): Promise<void>
  unsubscribe (socket: object, topic: string): void
  isSubscribed (socket: object, topic: string): boolean
  topicsOf (socket: object): string[]
  publish (socket: object, topic: string, data: unknown, options: PublishOptions | undefined): Promise<Published>
  /** Called when the socket has closed. */
  detach (socket: object): void
  /** Whether the client uses the live subprotocol, in which a message that begins with NUL is a frame. */
  isLive (socket: object): boolean
  /** Handles a frame. If it wraps a plain message, returns that; otherwise undefined. */
  receiveFrame (socket: object, bytes: Buffer): Buffer | undefined
  /** Wraps a plain message that begins with NUL in a frame. */
  wrap (payload: string | Buffer): string | Buffer
}
