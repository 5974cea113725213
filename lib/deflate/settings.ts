/**
 * How messages are compressed (permessage-deflate, RFC 7692). By default one compressor and one decompressor serve the
 * whole process, so that an idle socket costs no memory of zlib.
 */
export interface DeflateOptions {
  /** Messages of fewer bytes are sent uncompressed. Default 1024. */
  threshold?: number | undefined
  /** zlib's effort, 1 to 9. Default 3: measured, a higher one costs more time than it saves bytes. */
  level?: number | undefined
  /** zlib's memory for the compressor, 1 to 9. Default 8. */
  memLevel?: number | undefined
  /**
   * Whether what is sent is compressed with the help of the messages before it: smaller, for a compressor of its own
   * for each connection that was sent one. Default false.
   */
  contextTakeover?: boolean | undefined
  /** Whether clients may do so, for a decompressor of its own for each connection that sent one. Default false. */
  clientContextTakeover?: boolean | undefined
  /** Base-2 logarithm of the window of what is sent, 9 to 15. Default 15. */
  windowBits?: number | undefined
  /** The same of what clients send. Default 15. */
  clientWindowBits?: number | undefined
  /** The name that `ws` has for `contextTakeover: false`. */
  serverNoContextTakeover?: boolean | undefined
  /** The name that `ws` has for `clientContextTakeover: false`. */
  clientNoContextTakeover?: boolean | undefined
  /** The name that `ws` has for `windowBits`. */
  serverMaxWindowBits?: number | undefined
  /** The name that `ws` has for `clientWindowBits`. Booleans, which its documentation has and its types have not, are taken and say nothing. */
  clientMaxWindowBits?: number | undefined
  /** Where `ws` has `level` and `memLevel`. */
  zlibDeflateOptions?: { level?: number | undefined, memLevel?: number | undefined } | undefined
  /** Taken for compatibility: the window is said by `clientWindowBits`. */
  zlibInflateOptions?: object | undefined
  /** Taken for compatibility: small messages never go through the thread pool, large ones a few at a time. */
  concurrencyLimit?: number | undefined
}

/** How permessage-deflate is offered by a route, resolved when it was registered. */
export interface DeflateSettings {
  /**
   * Whether the server compresses each message with the help of those before it. Default false: one compressor
   * serves the whole process. True costs a compressor for each connection that has sent a compressed message:
   * about 265,000 bytes with the default window and memory, 112,000 with 12 and 5, 89,000 with 9 and 1.
   */
  readonly contextTakeover: boolean
  /**
   * Whether the client may do so. Default false: one decompressor serves the whole process. True costs a
   * decompressor for each connection that has received a compressed message: about 58,000 bytes with a window of 15 bits,
   * 28,000 with one of 12.
   */
  readonly clientContextTakeover: boolean
  /** Base-2 logarithm of the window of what the server sends, 9 to 15. Default 15. */
  readonly windowBits: number
  /** The same of what the client sends, 9 to 15. Default 15. Bounds a decompressor that is kept for a connection. */
  readonly clientWindowBits: number
  /** zlib's effort, 1 to 9. Default 3. */
  readonly level: number
  /** zlib's memory for the compressor, 1 to 9. Default 8. */
  readonly memLevel: number
  /** Messages of fewer bytes are sent uncompressed. Default 1024. */
  readonly threshold: number
}

/** What two endpoints agreed on (RFC 7692 §7.1). */
export interface DeflateParameters {
  readonly serverNoContextTakeover: boolean
  readonly clientNoContextTakeover: boolean
  readonly serverMaxWindowBits: number
  readonly clientMaxWindowBits: number
}
