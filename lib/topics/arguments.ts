import { inspect } from 'node:util'
import { TopicArgumentInvalid } from '../errors.js'

// Checks of what the application passes to the methods of app.topics.

type Method = 'publish' | 'subscribe' | 'history' | 'define'

/** @throws TopicArgumentInvalid, unless the value is undefined or a string that is not empty */
export function checkText (method: Method, name: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value === '')) {
    fail(method, name, 'a string that is not empty', value)
  }
}

/** @throws TopicArgumentInvalid, unless the value is undefined or in this range */
export function checkCount (method: Method, name: string, value: unknown, min: number, max: number): void {
  if (value !== undefined && (!Number.isInteger(value) || (value as number) < min || (value as number) > max)) {
    fail(method, name, `a whole number from ${min} to ${max}`, value)
  }
}

/** @throws TopicArgumentInvalid, also for an unknown property, which is probably misspelt */
export function checkObject (method: Method, name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null || !Object.keys(value).every((key) => known.includes(key))) {
    fail(method, name, `an object with ${known.map((key) => `"${key}"`).join(', ')}`, value)
  }
}

/** @throws TopicArgumentInvalid */
export function fail (method: Method, name: string, allowed: string, value: unknown): never {
  throw new TopicArgumentInvalid(`${name} of app.topics.${method}()`, allowed, inspect(value, { depth: 1 }))
}
