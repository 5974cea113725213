import type { WireSocket } from '../socket/socket.js'

// Up to this length, an array takes less memory than a Set, and costs less to change.
const LIST_LENGTH = 16

const NO_SOCKETS: readonly WireSocket[] = []

/** The sockets of a topic: an array, or a Set if there are many. */
export class SocketSet {
  #sockets: readonly WireSocket[] | Set<WireSocket> = NO_SOCKETS
  /** Whether the sockets may be in use by `lend()`. An array must not change then, and a Set must not grow. */
  #isLent = true

  get size (): number {
    const sockets = this.#sockets
    return sockets instanceof Set ? sockets.size : sockets.length
  }

  has (socket: WireSocket): boolean {
    const sockets = this.#sockets
    return sockets instanceof Set ? sockets.has(socket) : sockets.includes(socket)
  }

  /** Adds a socket that is not in the set. */
  add (socket: WireSocket): void {
    const sockets = this.#sockets
    if (sockets instanceof Set ? this.#isLent : sockets.length === LIST_LENGTH) {
      this.#sockets = new Set(sockets).add(socket)
      this.#isLent = false
    } else if (sockets instanceof Set) {
      sockets.add(socket)
    } else if (this.#isLent) {
      this.#sockets = [...sockets, socket]
      this.#isLent = false
    } else {
      (sockets as WireSocket[]).push(socket)
    }
  }

  /** @returns whether the socket was in the set */
  delete (socket: WireSocket): boolean {
    const sockets = this.#sockets
    if (sockets instanceof Set) return sockets.delete(socket)
    const index = sockets.indexOf(socket)
    if (index === -1) return false
    const list = this.#isLent ? sockets.slice() : sockets as WireSocket[]
    // The order does not matter.
    const last = list.pop() as WireSocket
    if (index < list.length) list[index] = last
    this.#sockets = list
    this.#isLent = false
    return true
  }

  /**
   * Returns the sockets to iterate over. Sockets may be added and deleted meanwhile. To skip the deleted ones, check
   * `isCurrent()` for each.
   */
  lend (): Iterable<WireSocket> {
    this.#isLent = true
    return this.#sockets
  }

  /** Whether a lent socket is still in the set. */
  isCurrent (lent: Iterable<WireSocket>, socket: WireSocket): boolean {
    return lent === this.#sockets || this.has(socket)
  }
}
