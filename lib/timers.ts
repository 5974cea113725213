/**
 * Timers and clock, taken when the package is loaded. Test runners replace the globals later (`jest.useFakeTimers()`):
 * messages leave, and timeouts expire, all the same. The linter keeps the globals out of the other files of `lib/`.
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
