export interface LiveSocketOptions {
  /** The class that makes the connections. Default: the global `WebSocket`. Node.js 20 has none: give that of `ws` or `undici`. */
  WebSocket?: (new (url: string, protocols: string[]) => WebSocketLike) | undefined
  /**
   * Whether to connect again. `code` and `reason` are those of the close, `attempt` counts from 1 and starts again after
   * a connection that lasted. Default: not after 1000, 1008 and 4000–4999, nor after a refusal that can be told (see docs/protocol.md).
   */
  reconnect?: ((code: number, reason: string, attempt: number) => boolean) | undefined
  /** The wait before the first attempt is random, up to so many milliseconds; it doubles with each attempt. Default 1000. */
  minBackoff?: number | undefined
  /** Where it stops doubling. Default 30,000. */
  maxBackoff?: number | undefined
  /** How long an attempt to connect may take, in milliseconds. Default 10,000. */
  connectTimeout?: number | undefined
  /** How many messages may wait for a connection. Default 1000; 0 for none. */
  maxQueuedMessages?: number | undefined
  /** How many bytes may wait for a connection. Default 1 MiB. */
  maxQueuedBytes?: number | undefined
  /** Where to begin in topics: the cursors that came with the state that the page already has. Default: at the newest message. */
  cursors?: Readonly<Record<string, string>> | undefined
  /** Whether to offer the live subprotocol. Default true. */
  live?: boolean | undefined
}

/** What a LiveSocket needs of a WebSocket. */
export interface WebSocketLike {
  readonly readyState: number
  readonly protocol: string
  readonly extensions: string
  readonly bufferedAmount: number
  binaryType: string
  // Methods, so that classes whose events have other types fit as well.
  send (data: never): void
  close (code?: number, reason?: string): void
  onopen: unknown
  onmessage: unknown
  onerror: unknown
  onclose: unknown
}
