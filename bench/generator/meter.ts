import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { ANSWER_TIMEOUT } from './answer-timeout.js'

/** In milliseconds. */
export interface Timing {
  /** The time to warm up before the window. */
  readonly warm: number
  readonly window: number
}

/** The measurement of one window. */
export interface Sample {
  /** CPU time of the server per operation, in microseconds. */
  readonly cost: number
  readonly perSecond: number
  /** Latencies from the first byte sent to the last byte received, in microseconds. */
  readonly p50: number
  readonly p99: number
}

/** Keeps the server busy from `start()` until `stop()` resolves, and records each operation with a meter. */
export interface Work {
  start (): void
  stop (): Promise<void>
}

/** Divides the CPU time of the server by the number of operations. */
export class Meter {
  readonly #readCpu: () => number | Promise<number>
  readonly #latency = createHistogram()
  #count = 0
  #isOpen = false

  /** @param readCpu returns the CPU time of the server, in microseconds */
  constructor (readCpu: () => number | Promise<number>) {
    this.#readCpu = readCpu
  }

  /** Records operations that started together at `since` and ended at `now`, times of `performance.now()`. */
  record (operations: number, since: number, now: number): void {
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
    // On a busy machine a packet may be lost and sent again much later, so a window may be empty.
    for (let windows = 1000 * ANSWER_TIMEOUT / window; windows > 0 && this.#count === 0; windows--) await delay(window)
    const cpu = await this.#readCpu() - cpuBefore
    const elapsed = performance.now() - began
    this.#isOpen = false
    await work.stop()
    if (this.#count === 0) throw new Error(`no answer within ${ANSWER_TIMEOUT} s`)
    return {
      cost: cpu / this.#count,
      perSecond: this.#count / elapsed * 1000,
      p50: this.#latency.percentile(50),
      p99: this.#latency.percentile(99)
    }
  }
}
