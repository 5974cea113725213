/** An operation to be timed. */
export interface Case {
  readonly name: string
  /** How many bytes an operation processes. */
  readonly bytes: number
  readonly run: (operations: number) => void
}

export interface Timed {
  /** The time of an operation, in nanoseconds: median and minimum of the passes. */
  readonly median: number
  readonly min: number
}

const PASSES = 9

/** @param window the length of a pass, in milliseconds */
export function time ({ run }: Case, window: number): Timed {
  let operations = 1
  // Find how many operations fill a pass. This also compiles the code.
  for (let took = 0; took < window; operations *= 2) took = elapsed(run, operations)
  const passes = Array.from({ length: PASSES }, () => 1e6 * elapsed(run, operations) / operations).sort((a, b) => a - b)
  return { median: passes[PASSES >> 1] as number, min: passes[0] as number }
}

function elapsed (run: Case['run'], operations: number): number {
  const began = performance.now()
  run(operations)
  return performance.now() - began
}
