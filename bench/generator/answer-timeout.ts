const TICK = 1_000

/** How long a benchmark waits for an answer, in ticks of a second. */
export const ANSWER_TIMEOUT = 10

/**
 * Calls back after the timeout. It counts ticks, not time, so that suspending the machine does not cause a timeout.
 * @returns a function that stops the timeout
 */
export function startAnswerTimeout (callback: () => void): () => void {
  let ticks = 0
  const timer = setInterval(() => {
    if (++ticks < ANSWER_TIMEOUT) return
    clearInterval(timer)
    callback()
  }, TICK)
  return () => { clearInterval(timer) }
}
