import { constants } from 'node:buffer'
import { MessageTooBig, type Fault } from '../errors.js'
import type { Limits } from './protocol.js'

const MIN_FRAGMENTS = 1024
const FRAGMENT_SIZE = 64

/** Returns the default of `maxFragments`: enough for fragments of 64 bytes. */
export function fragmentsFor (maxPayload: number): number {
  return Math.max(MIN_FRAGMENTS, Math.ceil(maxPayload / FRAGMENT_SIZE) + 1)
}

/** Returns the limits with another `maxPayload`. `maxFragments` is adapted if it was the default. */
export function withMaxPayload (limits: Limits, maxPayload: number): Limits {
  const isDefault = limits.maxFragments === fragmentsFor(limits.maxPayload)
  return { ...limits, maxPayload, maxFragments: isDefault ? fragmentsFor(maxPayload) : limits.maxFragments }
}

/** The longest text message, in bytes: V8 cannot make a longer string. It applies even if `maxPayload` is larger. */
export const MAX_TEXT_LENGTH: number = constants.MAX_STRING_LENGTH

/** The fault of a message over `maxPayload`, or of a text over the lower of both limits. */
export function messageTooBig (maxPayload: number, isText: boolean): Fault {
  return isText && maxPayload > MAX_TEXT_LENGTH
    ? new MessageTooBig('the longest string of Node.js', MAX_TEXT_LENGTH)
    : new MessageTooBig('maxPayload', maxPayload)
}
