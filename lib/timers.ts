/**
 * Timers and clock, captured when the package is loaded. Sending and timeouts keep working when a test runner replaces
 * the globals later (`jest.useFakeTimers()`). The linter forbids the globals in the other files of `lib/`.
 */
export const timers = {
  clearInterval: globalThis.clearInterval,
  clearTimeout: globalThis.clearTimeout,
  now: performance.now.bind(performance) as () => number,
  setImmediate: globalThis.setImmediate,
  setInterval: globalThis.setInterval,
  setTimeout: globalThis.setTimeout
}

export const { nextTick } = process
