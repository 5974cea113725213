import type { DeflateOptions, DeflateSettings } from '../deflate/settings.js'
import { ANY_SIZE, flag, objectOf, wholeNumber } from './checks.js'

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
