import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { PATIENCE } from './patience.js'

export interface Timing {
  /** Before the window, and the window itself, in milliseconds. */
  readonly warm: number
  readonly window: number
}

/** What one window measured. */
export interface Sample {
  /** CPU time of the server for one operation, in microseconds. */
  readonly cost: number
  readonly perSecond: number
  /** From the first byte sent to the last one received, in microseconds. */
  readonly p50: number
  readonly p99: number
}

/** Something that keeps the server busy between `start` and the end of `stop`, and tells a meter of each operation. */
export interface Work {
  start (): void
  stop (): Promise<void>
}

/** Counts operations against the CPU time of the server. */
export class Meter {
  readonly #readCpu: () => number | Promise<number>
  readonly #latency = createHistogram()
  #count = 0
  #isOpen = false

  /** @param readCpu in microseconds */
  constructor (readCpu: () => number | Promise<number>) {
    this.#readCpu = readCpu
  }

  /** `operations` that were begun together, at `since` of `performance.now()`, are done at `now`. */
  tell (operations: number, since: number, now: number): void {
    if (!this.#isOpen) return
    this.#count += operations
    this.#latency.record(Math.max(1, Math.round(1000 * (now - since))))
  }

  async measure (work: Work, { warm, window }: Timing): Promise<Sample> {
    work.start()
    await delay(warm)
    this.#count = 0
    this.#latency.reset()
    const cpuBefore = await this.#readCpu()
    const began = performance.now()
    this.#isOpen = true
    // On a machine that is busy with other things a packet may be lost, and come again much later.
    for (let windows = 1000 * PATIENCE / window; windows > 0 && this.#count === 0; windows--) await delay(window)
    const cpu = await this.#readCpu() - cpuBefore
    const elapsed = performance.now() - began
    this.#isOpen = false
    await work.stop()
    if (this.#count === 0) throw new Error(`nothing was answered in ${PATIENCE} s`)
    return {
      cost: cpu / this.#count,
      perSecond: this.#count / elapsed * 1000,
      p50: this.#latency.percentile(50),
      p99: this.#latency.percentile(99)
    }
  }
}
