import type { DeflateOptions, DeflateSettings } from '../deflate/settings.js'
import { ANY_SIZE, flag, objectOf, wholeNumber, type Range } from './checks.js'

export const DEFLATE_NAMES: ReadonlyArray<keyof DeflateOptions & string> & readonly string[] = [
  'threshold', 'level', 'memLevel', 'contextTakeover', 'clientContextTakeover', 'windowBits', 'clientWindowBits',
  'serverNoContextTakeover', 'clientNoContextTakeover', 'serverMaxWindowBits', 'clientMaxWindowBits',
  'zlibDeflateOptions', 'zlibInflateOptions', 'concurrencyLimit'
]

const EFFORT = { min: 1, max: 9 }
const WINDOW = { min: 9, max: 15 }

/**
 * @returns undefined if compression is off
 * @throws BadOption, UnknownOption
 */
export function resolveDeflate (given: boolean | DeflateOptions | undefined): DeflateSettings | undefined {
  if (given === undefined || given === false) return undefined
  const options = objectOf('perMessageDeflate', given === true ? undefined : given, DEFLATE_NAMES, 'true, false or ')
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = options
  const zlib = options.zlibDeflateOptions ?? {}
  const whole = (name: 'threshold' | 'level' | 'memLevel' | 'windowBits' | 'clientWindowBits', range: Range) =>
    wholeNumber(`perMessageDeflate.${name}`, options[name], range)
  const takeover = (name: 'contextTakeover' | 'clientContextTakeover') =>
    flag(`perMessageDeflate.${name}`, options[name])
  return {
    threshold: whole('threshold', ANY_SIZE) ?? 1024,
    level: whole('level', EFFORT) ?? zlibEffort('level', zlib.level) ?? 3,
    memLevel: whole('memLevel', EFFORT) ?? zlibEffort('memLevel', zlib.memLevel) ?? 8,
    contextTakeover: takeover('contextTakeover') ?? serverNoContextTakeover === false,
    clientContextTakeover: takeover('clientContextTakeover') ?? clientNoContextTakeover === false,
    windowBits: whole('windowBits', WINDOW) ?? wsWindow('serverMaxWindowBits', serverMaxWindowBits) ?? 15,
    clientWindowBits: whole('clientWindowBits', WINDOW) ?? wsWindow('clientMaxWindowBits', clientMaxWindowBits) ?? 15
  }
}

/** Returns undefined for zlib's -1 (the default) and 0 (no compression), so that our default is used. */
function zlibEffort (name: string, given: number | undefined): number | undefined {
  const effort = wholeNumber(`perMessageDeflate.zlibDeflateOptions.${name}`, given, { min: -1, max: EFFORT.max })
  return effort !== undefined && effort > 0 ? effort : undefined
}

/** `ws` also accepts true, for a window that the client may choose. For 8 bits zlib uses 9. */
function wsWindow (name: string, given: number | boolean | undefined): number | undefined {
  if (typeof given === 'boolean') return undefined
  const bits = wholeNumber(`perMessageDeflate.${name}`, given, { min: 8, max: WINDOW.max })
  return bits === undefined ? undefined : Math.max(bits, WINDOW.min)
}
