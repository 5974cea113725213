export interface LiveSocketOptions {
  /** The class of the connections, such as that of `ws` on Node.js 20. Default: the global `WebSocket`. */
  WebSocket?: (new (url: string, protocols: string[]) => WebSocketLike) | undefined
  /**
   * Decides whether to reconnect after a close with `code` and `reason`. `attempt` counts from 1, and restarts after a
   * connection that lasted. If it throws, the socket ends. Default: not after 1000, 1008, 4000–4999 and recognizable
   * refusals (see docs/protocol.md).
   */
  reconnect?: ((code: number, reason: string, attempt: number) => boolean) | undefined
  /**
   * The upper limit of the random wait before the first attempt, in milliseconds; it doubles with each attempt. Default
   * 1000.
   */
  minBackoff?: number | undefined
  /** The upper limit at which it stops doubling, in milliseconds. Default 30,000. */
  maxBackoff?: number | undefined
  /** The time limit for an attempt to connect, in milliseconds. Default 10,000. */
  connectTimeout?: number | undefined
  /** How many messages may be queued without a connection. Default 1000; 0 for none. */
  maxQueuedMessages?: number | undefined
  /** How many bytes may be queued without a connection. Default 1,048,576 (1 MiB). */
  maxQueuedBytes?: number | undefined
  /** The cursor of each topic after which to start, as served with the page's state. Default: the newest message. */
  cursors?: Readonly<Record<string, string>> | undefined
  /** Whether to offer the live subprotocol. Default true. */
  live?: boolean | undefined
}

/** The members of a WebSocket that LiveSocket uses. */
export interface WebSocketLike {
  readonly readyState: number
  readonly protocol: string
  readonly extensions: string
  readonly bufferedAmount: number
  binaryType: string
  // Methods and unknown, so that classes with other event types are assignable.
  send (data: never): void
  close (code?: number, reason?: string): void
  onopen: unknown
  onmessage: unknown
  onerror: unknown
  onclose: unknown
}
