/**
 * Timers and clock, taken when the package is loaded. Test runners replace the globals later (`jest.useFakeTimers()`):
 * messages leave, and timeouts expire, all the same. The linter keeps the globals out of the other files of `lib/`.
 */
export const { clearTimeout, setImmediate, setTimeout } = globalThis
export const { nextTick } = process
export const now: () => number = performance.now.bind(performance)
