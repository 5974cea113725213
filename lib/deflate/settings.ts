/**
 * Options of permessage-deflate (RFC 7692). By default all sockets of the process share one compressor and one
 * decompressor, so idle sockets use no zlib memory.
 */
export interface DeflateOptions {
  /** Messages smaller than this are sent uncompressed, in bytes. Default 1024. */
  threshold?: number | undefined
  /** The compression level of zlib, 1 to 9. Default 3: higher levels cost more time than they save bytes. */
  level?: number | undefined
  /** The memory level of the compressor, 1 to 9. Default 8. */
  memLevel?: number | undefined
  /**
   * Whether the server compresses each message with the help of earlier ones. Messages become smaller, but each
   * connection needs its own compressor once it has sent a compressed message. Default false.
   */
  contextTakeover?: boolean | undefined
  /**
   * Whether clients may use earlier messages too. Each connection needs its own decompressor once it has received a
   * compressed message. Default false.
   */
  clientContextTakeover?: boolean | undefined
  /** Base-2 logarithm of the window size for outgoing messages, 9 to 15. Default 15. */
  windowBits?: number | undefined
  /** Base-2 logarithm of the window size for incoming messages, 9 to 15. Default 15. */
  clientWindowBits?: number | undefined
  /** The option of `ws` that corresponds to `contextTakeover: false`. */
  serverNoContextTakeover?: boolean | undefined
  /** The option of `ws` that corresponds to `clientContextTakeover: false`. */
  clientNoContextTakeover?: boolean | undefined
  /** The option of `ws` that corresponds to `windowBits`. */
  serverMaxWindowBits?: number | undefined
  /** The option of `ws` that corresponds to `clientWindowBits`. Booleans are accepted, as by `ws`, and ignored. */
  clientMaxWindowBits?: number | undefined
  /** The option of `ws` that contains `level` and `memLevel`. */
  zlibDeflateOptions?: { level?: number | undefined, memLevel?: number | undefined } | undefined
  /** Accepted for compatibility and ignored: use `clientWindowBits` for the window. */
  zlibInflateOptions?: object | undefined
  /** Accepted for compatibility and ignored: only large messages use the thread pool, four at a time. */
  concurrencyLimit?: number | undefined
}

/** The permessage-deflate settings of a route, resolved when it is registered. */
export interface DeflateSettings {
  /**
   * Whether the server compresses each message with the help of earlier ones. If so, each connection that has sent a
   * compressed message has a compressor: about 250,000 bytes with the default `windowBits` and `memLevel`, 107,000
   * with 12 and 5, 86,000 with 9 and 1.
   */
  readonly contextTakeover: boolean
  /**
   * Whether clients may use earlier messages too. If so, each connection that has received a compressed message has a
   * decompressor: about 60,000 bytes with 15 `clientWindowBits`, 26,000 with 12.
   */
  readonly clientContextTakeover: boolean
  /** Base-2 logarithm of the window size for outgoing messages, 9 to 15. */
  readonly windowBits: number
  /** Base-2 logarithm of the window size for incoming messages, 9 to 15. */
  readonly clientWindowBits: number
  /** The compression level, 1 to 9. */
  readonly level: number
  /** The memory level of the compressor, 1 to 9. */
  readonly memLevel: number
  /** Messages smaller than this are sent uncompressed, in bytes. */
  readonly threshold: number
}

/** The negotiated parameters of a connection (RFC 7692 §7.1). */
export interface DeflateParameters {
  readonly serverNoContextTakeover: boolean
  readonly clientNoContextTakeover: boolean
  readonly serverMaxWindowBits: number
  readonly clientMaxWindowBits: number
}
