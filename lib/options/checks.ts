import { inspect } from 'node:util'
import { BadOption, UnknownOption } from '../errors.js'
import { MAX_DELAY } from '../socket/deadlines.js'

/** The range of a whole number. `or` names further allowed values for the error message; they are checked elsewhere. */
export interface Range {
  readonly min: number
  readonly max: number
  readonly or?: string
}

export const ANY_SIZE: Range = { min: 0, max: Number.MAX_SAFE_INTEGER }
export const ANY_COUNT: Range = { min: 1, max: Number.MAX_SAFE_INTEGER }
/** Any delay that a timer supports, in milliseconds. */
export const ANY_TIME: Range = { min: 1, max: MAX_DELAY }

// Each check returns the value, or throws BadOption if it is invalid. Undefined is always valid and means the default.

export function wholeNumber (
  name: string, value: number | undefined, { min, max, or = '' }: Range
): number | undefined {
  if (value !== undefined && (!Number.isInteger(value) || value < min || value > max)) {
    throw new BadOption(name, `${or}a whole number from ${min} to ${max}`, inspect(value))
  }
  return value
}

export function callable<Value> (name: string, value: Value | undefined): Value | undefined {
  if (value !== undefined && typeof value !== 'function') throw new BadOption(name, 'a function', inspect(value))
  return value
}

export function methodName (name: string, value: string | undefined): string | undefined {
  if (value !== undefined && (typeof value !== 'string' || value === '')) {
    throw new BadOption(name, 'the name of a method', inspect(value))
  }
  return value
}

export function fraction (name: string, value: number): number {
  if (!(typeof value === 'number' && value >= 0 && value <= 1)) {
    throw new BadOption(name, 'a fraction from 0 to 1', inspect(value))
  }
  return value
}

export function flag (name: string, value: boolean | undefined): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw new BadOption(name, 'true or false', inspect(value))
  return value
}

export function oneOf<Value extends string> (
  name: string, value: Value | undefined, values: readonly Value[]
): Value | undefined {
  if (value !== undefined && !values.includes(value)) {
    throw new BadOption(name, `one of ${values.map((known) => `'${known}'`).join(', ')}`, inspect(value))
  }
  return value
}

/**
 * Checks an object of options.
 * @param names the known names: an unknown one is probably misspelt
 * @returns an empty object for undefined
 * @throws UnknownOption
 */
export function objectOf<Options extends object> (
  name: string, given: Options | undefined, names: ReadonlyArray<keyof Options & string>, or = ''
): Partial<Options> {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new BadOption(name, `${or}an object`, inspect(given))
  }
  const unknown = Object.keys(given).find((key) => !(names as readonly string[]).includes(key))
  if (unknown !== undefined) {
    throw new UnknownOption(`${name}.${unknown}`, names.map((known) => `"${name}.${known}"`).join(', '))
  }
  return given
}
