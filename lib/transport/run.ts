// Up to here frames are joined into one buffer, which costs less than a write of many.
const JOIN_UP_TO = 65_536

/**
 * Frames that many receivers are sent one after the other. Whoever is sent the same frames holds the same run, so the
 * joined bytes are made once: eight messages to 500 sockets in a tick cost a tenth of what 4,000 writes do.
 *
 *   Run.of(a) ── a ──▶ with(b) ── a b ──▶ with(c) ── a b c
 */
export class Run {
  readonly length: number
  readonly frame: Buffer
  readonly #before: Run | undefined
  #next: Run | undefined
  #bytes: Buffer | undefined

  private constructor (frame: Buffer, before: Run | undefined) {
    this.frame = frame
    this.#before = before
    this.length = frame.length + (before?.length ?? 0)
  }

  // The one that the receivers of a message begin with, one after the other.
  static #latest: Run | undefined

  static of (frame: Buffer): Run {
    if (Run.#latest?.frame !== frame) Run.#latest = new Run(frame, undefined)
    return Run.#latest
  }

  /** Lets go of what was shared, when the tick that shared it ends. */
  static release (): void {
    Run.#latest = undefined
  }

  /** The run with one frame more. */
  with (frame: Buffer): Run {
    if (this.#next?.frame !== frame) this.#next = new Run(frame, this)
    return this.#next
  }

  /** The frames, joined; undefined where they are too large for that. */
  get bytes (): Buffer | undefined {
    if (this.#before === undefined) return this.frame
    if (this.length > JOIN_UP_TO) return undefined
    return (this.#bytes ??= Buffer.concat(this.parts, this.length))
  }

  /** The frames, one by one. */
  get parts (): Buffer[] {
    const parts: Buffer[] = []
    for (let run: Run | undefined = this; run !== undefined; run = run.#before) parts.push(run.frame)
    return parts.reverse()
  }
}
