import type { WireSocket } from '../socket/socket.js'
import { timers } from '../timers.js'

/** How the sockets are closed when the application closes. */
export interface ShutdownSettings {
  readonly code: number
  readonly reason: string
  /** Over how many milliseconds they are spread. */
  readonly drain: number
}

/**
 * Closes sockets, all at once or spread evenly over a time, so that their clients do not all come back in one second.
 * Those that do not answer are ended by their `closeTimeout`.
 * @returns a function that stops it, for when none is left
 */
export function closeSockets (sockets: Iterable<WireSocket>, { code, reason, drain }: ShutdownSettings, clock = timers.now): () => void {
  const all = [...sockets]
  const start = clock()
  let closed = 0
  let timer: NodeJS.Timeout | undefined
  const closeDue = (): void => {
    const passed = drain === 0 ? 1 : (clock() - start) / drain
    // The first goes at once, the last before the time is over.
    const due = Math.min(all.length, Math.floor(passed * all.length) + 1)
    while (closed < due) all[closed++]?.close(code, reason)
    if (closed < all.length) timer = timers.setTimeout(closeDue, Math.ceil(start + closed / all.length * drain - clock()))
  }
  closeDue()
  return () => { timers.clearTimeout(timer) }
}
