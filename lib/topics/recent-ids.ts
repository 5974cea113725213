/**
 * The ids of the last messages, in order, each with the cursor under which it came first. Two generations: the older
 * one is forgotten as a whole, which costs nothing for each id.
 */
export class RecentIds {
  readonly #size: number
  #cursors = new Map<string, string>()
  #older = new Map<string, string>()

  /** @param size the minimum number of ids remembered; the maximum is twice as many */
  constructor (size: number) {
    this.#size = size
  }

  /** @returns false for an id that is known already */
  add (id: string, cursor: string): boolean {
    if (this.#cursors.has(id) || this.#older.has(id)) return false
    this.#cursors.set(id, cursor)
    if (this.#cursors.size >= this.#size) {
      this.#older = this.#cursors
      this.#cursors = new Map()
    }
    return true
  }

  /**
   * Whether a message is one that came before under another cursor, at `known` or earlier. An engine that lost its data
   * gives new cursors to what is sent again.
   */
  isRepeated (id: string, cursor: string, known: string): boolean {
    const first = this.#cursors.get(id) ?? this.#older.get(id)
    if (first === undefined || first === cursor) return false
    let isBehind = false
    for (const cursors of [this.#older, this.#cursors]) {
      for (const each of cursors.values()) {
        if (each === first) isBehind = true
        if (each === known) return isBehind
      }
    }
    return false
  }
}
