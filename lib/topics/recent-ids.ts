/** The ids of the last messages, in two generations. The older one is dropped as a whole, at no cost per id. */
export class RecentIds {
  readonly #size: number
  #ids = new Set<string>()
  #older = new Set<string>()

  /** @param size the minimum number of ids remembered; the maximum is twice as many */
  constructor (size: number) {
    this.#size = size
  }

  /** @returns false if the id is known */
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
