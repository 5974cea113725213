/** The application has paused the socket. */
export const PAUSED = 1
/** The message queue is full. */
export const QUEUE_FULL = 2
/** The peer has exceeded its message rate. */
export const THROTTLED = 4
/** A message is being decompressed in the thread pool. */
export const INFLATING = 8

/** The handler of the route has not finished. Reading continues, but 'close' waits for queued messages to be taken. */
export const HANDLER_PENDING = 16

// The transport is paused, until `continueReading()` finds no reason to stop.
const STOPPED = 32

const REASONS = PAUSED | QUEUE_FULL | THROTTLED | INFLATING

/** The connection, as far as reading is concerned. */
export interface ReadingHost {
  readonly transport: { pause (): void, resume (): void }
}

/**
 * The reasons why reading is stopped, one bit for each.
 *
 *   reading ── stopReading(reason) ──▶ stopped ── continueReading(), when no reason is left ──▶ reading
 *
 * `clear(reason)` removes a reason but does not resume reading. Nothing else pauses the transport; `Transport.end()`
 * resumes it to receive the end of the stream.
 *
 * This is a base class of Receiver, because a separate object would cost each idle socket 40 bytes.
 */
export class Reading<Host extends ReadingHost> {
  protected readonly host: Host
  #flags = HANDLER_PENDING

  constructor (host: Host) {
    this.host = host
  }

  /** Whether a flag is set. */
  has (flag: number): boolean {
    return (this.#flags & flag) !== 0
  }

  /** Clears a flag. Call `continueReading()` to resume reading. */
  clear (flag: number): void {
    this.#flags &= ~flag
  }

  /** Whether the transport is paused. */
  get isStopped (): boolean {
    return (this.#flags & STOPPED) !== 0
  }

  stopReading (reason: number): void {
    this.#flags |= reason | STOPPED
    this.host.transport.pause()
  }

  continueReading (): void {
    if ((this.#flags & (REASONS | STOPPED)) !== STOPPED) return
    this.#flags &= ~STOPPED
    this.host.transport.resume()
  }
}
