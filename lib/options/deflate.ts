import type { DeflateSettings } from '../handshake/extensions.js'
import { ANY_SIZE, flag, objectOf, wholeNumber } from './checks.js'

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

export const DEFLATE_NAMES: ReadonlyArray<keyof DeflateOptions & string> & readonly string[] = [
  'threshold', 'level', 'memLevel', 'contextTakeover', 'clientContextTakeover', 'windowBits', 'clientWindowBits',
  'serverNoContextTakeover', 'clientNoContextTakeover', 'serverMaxWindowBits', 'clientMaxWindowBits', 'zlibDeflateOptions', 'zlibInflateOptions', 'concurrencyLimit'
]

const EFFORT = { min: 1, max: 9 }
const WINDOW = { min: 9, max: 15 }

/**
 * @returns undefined where nothing is to be compressed
 * @throws BadOption, UnknownOption
 */
export function resolveDeflate (given: boolean | DeflateOptions | undefined): DeflateSettings | undefined {
  if (given === undefined || given === false) return undefined
  const options = objectOf('perMessageDeflate', given === true ? undefined : given, DEFLATE_NAMES, 'true, false or ')
  const zlib = options.zlibDeflateOptions ?? {}
  return {
    threshold: wholeNumber('perMessageDeflate.threshold', options.threshold, ANY_SIZE) ?? 1024,
    level: wholeNumber('perMessageDeflate.level', options.level, EFFORT) ?? zlibEffort('level', zlib.level) ?? 3,
    memLevel: wholeNumber('perMessageDeflate.memLevel', options.memLevel, EFFORT) ?? zlibEffort('memLevel', zlib.memLevel) ?? 8,
    contextTakeover: flag('perMessageDeflate.contextTakeover', options.contextTakeover) ?? options.serverNoContextTakeover === false,
    clientContextTakeover: flag('perMessageDeflate.clientContextTakeover', options.clientContextTakeover) ?? options.clientNoContextTakeover === false,
    windowBits: wholeNumber('perMessageDeflate.windowBits', options.windowBits, WINDOW) ?? wsWindow('serverMaxWindowBits', options.serverMaxWindowBits) ?? 15,
    clientWindowBits: wholeNumber('perMessageDeflate.clientWindowBits', options.clientWindowBits, WINDOW) ?? wsWindow('clientMaxWindowBits', options.clientMaxWindowBits) ?? 15
  }
}

/** zlib has -1 for its default, and 0 for none, which is what no compression at all is for: both are our default. */
function zlibEffort (name: string, given: number | undefined): number | undefined {
  const effort = wholeNumber(`perMessageDeflate.zlibDeflateOptions.${name}`, given, { min: -1, max: EFFORT.max })
  return effort !== undefined && effort > 0 ? effort : undefined
}

/** In `ws` a window may be said to be negotiable only; and for one of 8 bits zlib takes 9. */
function wsWindow (name: string, given: number | boolean | undefined): number | undefined {
  if (typeof given === 'boolean') return undefined
  const bits = wholeNumber(`perMessageDeflate.${name}`, given, { min: 8, max: WINDOW.max })
  return bits === undefined ? undefined : Math.max(bits, WINDOW.min)
}
