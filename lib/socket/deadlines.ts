import { timers } from '../timers.js'

/** The maximum delay of a Node timer in milliseconds, 24.8 days. With a longer one it fires at once. */
export const MAX_DELAY = 2 ** 31 - 1

type Expire<T> = (item: T) => void

// A delay is divided into at most this many moments.
const PRECISION = 512

/**
 * Many deadlines with one timer, which runs only while there are deadlines and does not keep the process alive. Each is
 * rounded down to a moment, at most a 256th of its delay early, so adding and deleting are set operations.
 *
 *   add() ──▶ moment ──▶ set of items          the timer is set to the earliest moment
 */
export class Deadlines<T> {
  readonly #expire: Expire<T>
  readonly #moments = new Map<number, Set<T>>()
  #timer: NodeJS.Timeout | undefined
  #next = Infinity

  constructor (expire: Expire<T>) {
    this.#expire = expire
  }

  /**
   * @param delay in milliseconds
   * @returns the moment, which `delete()` needs
   */
  add (item: T, delay: number): number {
    const grain = 2 ** Math.max(0, Math.ceil(Math.log2(delay / PRECISION)))
    const moment = Math.floor((timers.now() + delay) / grain) * grain
    const items = this.#moments.get(moment)
    if (items === undefined) this.#moments.set(moment, new Set([item]))
    else items.add(item)
    if (moment < this.#next) this.#wakeAt(moment)
    return moment
  }

  delete (item: T, moment: number): void {
    const items = this.#moments.get(moment)
    items?.delete(item)
    if (items?.size !== 0) return
    this.#moments.delete(moment)
    if (this.#moments.size === 0) this.#stop()
  }

  #stop (): void {
    timers.clearTimeout(this.#timer)
    this.#next = Infinity
  }

  #wakeAt (moment: number): void {
    timers.clearTimeout(this.#timer)
    this.#next = moment
    this.#timer = timers.setTimeout(() => { this.#wake() }, Math.max(1, moment - timers.now())).unref()
  }

  #wake (): void {
    const time = timers.now()
    const due = Array.from(this.#moments.keys()).filter((moment) => moment <= time)
    const items = due.flatMap((moment) => Array.from(this.#moments.get(moment) as Set<T>))
    for (const moment of due) this.#moments.delete(moment)
    this.#next = Infinity
    let next = Infinity
    for (const moment of this.#moments.keys()) next = Math.min(next, moment)
    if (next < Infinity) this.#wakeAt(next)
    for (const item of items) this.#expire(item)
  }
}
