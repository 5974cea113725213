/** One operation to be timed, alone in this process. */
export interface Case {
  readonly name: string
  /** Bytes that one operation goes through. */
  readonly bytes: number
  readonly run: (operations: number) => void
}

export interface Timed {
  /** Of one operation, in nanoseconds: the median of the passes, and the least. */
  readonly median: number
  readonly min: number
}

const PASSES = 9

/** @param window how long a pass takes, in milliseconds */
export function time ({ run }: Case, window: number): Timed {
  let operations = 1
  // As many as fill a pass; this is the time to compile it, too.
  for (let took = 0; took < window; operations *= 2) took = elapsed(run, operations)
  const passes = Array.from({ length: PASSES }, () => 1e6 * elapsed(run, operations) / operations).sort((a, b) => a - b)
  return { median: passes[PASSES >> 1] as number, min: passes[0] as number }
}

function elapsed (run: Case['run'], operations: number): number {
  const began = performance.now()
  run(operations)
  return performance.now() - began
}
