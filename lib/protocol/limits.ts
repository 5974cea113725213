import { constants } from 'node:buffer'
import type { Limits } from './protocol.js'

const FEWEST_FRAGMENTS = 1024
const SMALLEST_FRAGMENT = 64

/** How many fragments a message may have where nobody says: enough for pieces of 64 bytes. */
export function fragmentsFor (maxPayload: number): number {
  return Math.max(FEWEST_FRAGMENTS, Math.ceil(maxPayload / SMALLEST_FRAGMENT) + 1)
}

/** The same limits for messages of another size; a number of fragments that somebody chose stays as it is. */
export function withMaxPayload ({ maxPayload: before, maxFragments }: Limits, maxPayload: number): Limits {
  return { maxPayload, maxFragments: maxFragments === fragmentsFor(before) ? fragmentsFor(maxPayload) : maxFragments }
}

/**
 * The longest text, in bytes. What is longer cannot become a string, which is how applications read text, so it is
 * refused as too big whatever `maxPayload` says.
 */
export const LONGEST_TEXT: number = constants.MAX_STRING_LENGTH
