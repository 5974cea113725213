/** Paused by the application. */
export const PAUSED = 1
/** More messages wait than may. */
export const QUEUE_FULL = 2
/** The peer has sent as many messages as it may for now. */
export const THROTTLED = 4
/** A message is being decompressed elsewhere. */
export const INFLATING = 8

/** The handler of the route is not done. Reading goes on meanwhile; only the 'close' waits, behind the messages. */
export const HANDLER_PENDING = 16

// The transport is paused. It stays so until `continueReading()` finds that nothing speaks against reading.
const STOPPED = 32

const REASONS = PAUSED | QUEUE_FULL | THROTTLED | INFLATING

/** What is read from. */
export interface ReadingHost {
  readonly transport: { pause (): void, resume (): void }
}

/**
 * Why reading is stopped: one bit for each reason. The transport is stopped and resumed nowhere else.
 *
 *   reading ── stopReading(reason) ──▶ stopped ── continueReading(), and no reason is left ──▶ reading
 *
 * This is the base class of Receiver, not a part of it: an object of its own would cost each idle socket 40 bytes.
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

  /** Clears a flag. Reading goes on with the next `continueReading()`. */
  clear (flag: number): void {
    this.#flags &= ~flag
  }

  /** Whether nothing is read from the transport. */
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
