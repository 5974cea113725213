import { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from 'node:timers'

/**
 * Timers and clock, captured when the package is loaded. Sending and timeouts keep working when a test runner replaces
 * the globals later (`jest.useFakeTimers()`). The linter forbids the globals in the other files of `lib/`. The globals
 * of a test environment that imitates a browser also differ: with jsdom, Jest has no `setImmediate()`, and its timers
 * have no `unref()`.
 */
export const timers = {
  clearInterval,
  clearTimeout,
  now: performance.now.bind(performance) as () => number,
  setImmediate,
  setInterval,
  setTimeout
}

export const { nextTick } = process
