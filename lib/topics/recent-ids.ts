/** The number of chains: a power of two, for the mask in #chainOf(). */
const CHAINS = 32_768
const NONE = -1

/**
 * The ids of the last messages, in order, each with the cursor under which the message first arrived.
 *
 * This is a hash table over a ring of entries, of a fixed size. A Map would grow and rehash, and cost more garbage
 * collection: a process adds an id for each message of all its topics.
 */
export class RecentIds {
  readonly #size: number
  // The entries, in the order in which they were added. Once the ring is full, the first one is at #oldest.
  readonly #topics: string[] = []
  readonly #ids: string[] = []
  readonly #cursors: string[] = []
  #oldest = 0
  // The chain of each entry, the newest entry of each chain, and for each entry the next older one in its chain. They
  // are allocated with the first message.
  #chains!: Uint16Array
  #newest!: Int32Array
  #older!: Int32Array
  /** Random, so that a peer cannot choose ids that all belong to one chain. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32)

  /** @param size the number of ids remembered */
  constructor (size: number) {
    this.#size = size
  }

  /** @returns false if the id is already known in this topic */
  add (topic: string, id: string, cursor: string): boolean {
    const chain = this.#chainOf(id)
    if (this.#find(chain, topic, id) !== NONE) return false
    if (this.#ids.length === 0) this.#allocate()
    const index = this.#ids.length < this.#size ? this.#ids.length : this.#forgetOldest()
    this.#topics[index] = topic
    this.#ids[index] = id
    this.#cursors[index] = cursor
    this.#chains[index] = chain
    this.#older[index] = this.#newest[chain]!
    this.#newest[chain] = index
    return true
  }

  /**
   * Whether the message has arrived before under another cursor, at `known` or earlier. An engine that lost its data
   * assigns new cursors to messages that are sent again.
   */
  isRepeated (topic: string, id: string, cursor: string, known: string): boolean {
    const first = this.#find(this.#chainOf(id), topic, id)
    if (first === NONE || this.#cursors[first] === cursor) return false
    const { length } = this.#ids
    for (let i = 0, isBehind = false; i < length; i++) {
      const index = (this.#oldest + i) % length
      if (index === first) isBehind = true
      if (this.#cursors[index] === known && this.#topics[index] === topic) return isBehind
    }
    return false
  }

  #allocate (): void {
    this.#chains = new Uint16Array(this.#size)
    this.#newest = new Int32Array(CHAINS).fill(NONE)
    this.#older = new Int32Array(this.#size)
  }

  #find (chain: number, topic: string, id: string): number {
    if (this.#ids.length === 0) return NONE
    let index = this.#newest[chain]!
    while (index !== NONE && (this.#ids[index] !== id || this.#topics[index] !== topic)) index = this.#older[index]!
    return index
  }

  /** Returns the place of the oldest entry, which is the last one in its chain. */
  #forgetOldest (): number {
    const index = this.#oldest
    this.#oldest = (index + 1) % this.#size
    const chain = this.#chains[index]!
    let newer = NONE
    for (let at = this.#newest[chain]!; at !== index; at = this.#older[at]!) newer = at
    if (newer === NONE) this.#newest[chain] = NONE
    else this.#older[newer] = NONE
    return index
  }

  // FNV-1a over UTF-16 code units.
  #chainOf (id: string): number {
    let hash = this.#seed
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x0100_0193)
    return (hash ^ (hash >>> 16)) & (CHAINS - 1)
  }
}
