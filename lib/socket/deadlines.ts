import { timers } from '../timers.js'

/** 24.8 days, in milliseconds: a longer delay makes a Node timer fire at once. */
export const MAX_DELAY = 2 ** 31 - 1

/** What happens to those whose time has come. */
type Expire<T> = (item: T) => void

// So many moments at most are kept apart within the length of a delay.
const PRECISION = 512

/**
 * Many deadlines and one timer, which runs only while there are some and keeps no process alive. Deadlines that lie close
 * together are one moment, at most a 256th of their delay too early; then to add and to delete is to add to a set and to
 * delete from it.
 *
 *   add() ─▶ moment ─▶ items          the timer is set to the first moment
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
   * @returns the moment, which `delete()` asks for
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
