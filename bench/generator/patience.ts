const TICK = 1_000

/** How long an answer may take that must come, in ticks of a second. */
export const PATIENCE = 10

/**
 * Calls back when the patience is over. Ticks are counted instead of time: a machine that was suspended meanwhile has
 * not been waiting.
 * @returns a function that ends the waiting
 */
export function losePatience (callback: () => void): () => void {
  let ticks = 0
  const timer = setInterval(() => {
    if (++ticks < PATIENCE) return
    clearInterval(timer)
    callback()
  }, TICK)
  return () => { clearInterval(timer) }
}
