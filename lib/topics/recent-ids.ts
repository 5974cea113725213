/**
 * The ids of the last messages. Two generations: the older one is forgotten as a whole, which costs nothing for each id.
 */
export class RecentIds {
  readonly #size: number
  #ids = new Set<string>()
  #older = new Set<string>()

  /** @param size how many are remembered at least; at most twice as many */
  constructor (size: number) {
    this.#size = size
  }

  /** @returns false for an id that is known already */
  add (id: string): boolean {
    if (this.#ids.has(id) || this.#older.has(id)) return false
    this.#ids.add(id)
    if (this.#ids.size >= this.#size) {
      this.#older = this.#ids
      this.#ids = new Set()
    }
    return true
  }
}
