import { inspect } from 'node:util'
import { BadOption } from './errors.js'
import type { DeflateSettings } from './handshake/extensions.js'

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
  /** The name that `ws` has for `clientWindowBits`. */
  clientMaxWindowBits?: number | boolean | undefined
  /** Where `ws` has `level` and `memLevel`. */
  zlibDeflateOptions?: { level?: number | undefined, memLevel?: number | undefined } | undefined
  /** Taken for compatibility: the window is said by `clientWindowBits`. */
  zlibInflateOptions?: object | undefined
  /** Taken for compatibility: small messages never go through the thread pool, large ones a few at a time. */
  concurrencyLimit?: number | undefined
}

/**
 * @returns undefined where nothing is to be compressed
 * @throws BadOption
 */
export function resolveDeflate (given: boolean | DeflateOptions | undefined): DeflateSettings | undefined {
  if (given === undefined || given === false) return undefined
  if (given !== true && (typeof given !== 'object' || given === null)) {
    throw new BadOption('perMessageDeflate', 'true, false or an object', inspect(given))
  }
  const options: DeflateOptions = given === true ? {} : given
  const zlib = options.zlibDeflateOptions ?? {}
  const clientBits = typeof options.clientMaxWindowBits === 'number' ? options.clientMaxWindowBits : undefined
  return {
    threshold: integer('threshold', options.threshold, 1024, 0, Number.MAX_SAFE_INTEGER),
    level: integer('level', options.level ?? zlib.level, 3, 1, 9),
    memLevel: integer('memLevel', options.memLevel ?? zlib.memLevel, 8, 1, 9),
    contextTakeover: options.contextTakeover ?? options.serverNoContextTakeover === false,
    clientContextTakeover: options.clientContextTakeover ?? options.clientNoContextTakeover === false,
    windowBits: integer('windowBits', options.windowBits ?? options.serverMaxWindowBits, 15, 9, 15),
    clientWindowBits: integer('clientWindowBits', options.clientWindowBits ?? clientBits, 15, 9, 15)
  }
}

function integer (name: string, value: number | undefined, byDefault: number, min: number, max: number): number {
  if (value === undefined) return byDefault
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new BadOption(`perMessageDeflate.${name}`, `a whole number from ${min} to ${max}`, inspect(value))
  }
  return value
}
