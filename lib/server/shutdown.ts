import type { WireSocket } from '../socket/socket.js'
import { timers } from '../timers.js'

/** How sockets close when the application closes. */
export interface ShutdownSettings {
  readonly code: number
  readonly reason: string
  /** The time over which the closes are spread, in milliseconds. */
  readonly drain: number
}

/**
 * Closes sockets, at once or evenly over `drain` milliseconds. A peer that does not answer is bounded by
 * `closeTimeout`.
 * @returns a function that clears the timer
 */
export function closeSockets (
  sockets: Iterable<WireSocket>, { code, reason, drain }: ShutdownSettings, clock = timers.now
): () => void {
  const all = [...sockets]
  const start = clock()
  let closed = 0
  let timer: NodeJS.Timeout | undefined
  const closeDue = (): void => {
    const passed = drain === 0 ? 1 : (clock() - start) / drain
    // The first closes at once, the last before the time has passed.
    const due = Math.min(all.length, Math.floor(passed * all.length) + 1)
    while (closed < due) all[closed++]?.close(code, reason)
    if (closed === all.length) return
    timer = timers.setTimeout(closeDue, Math.ceil(start + closed / all.length * drain - clock()))
  }
  closeDue()
  return () => { timers.clearTimeout(timer) }
}
