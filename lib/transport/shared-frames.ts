// Up to here frames are joined into one buffer, which costs less than a write of many.
const JOIN_UP_TO = 65_536

/**
 * Frames that many receivers are sent one after the other. Whoever is sent the same frames holds the same run, so the
 * joined bytes are made once: eight messages to 500 sockets in a tick cost a tenth of what 4,000 writes do.
 *
 *   SharedFrames.of(a) ── a ──▶ with(b) ── a b ──▶ with(c) ── a b c
 */
export class SharedFrames {
  readonly length: number
  readonly frame: Buffer
  readonly #before: SharedFrames | undefined
  #next: SharedFrames | undefined
  #bytes: Buffer | undefined

  private constructor (frame: Buffer, before: SharedFrames | undefined) {
    this.frame = frame
    this.#before = before
    this.length = frame.length + (before?.length ?? 0)
  }

  // The one that the receivers of a message begin with, one after the other.
  static #latest: SharedFrames | undefined

  static of (frame: Buffer): SharedFrames {
    if (SharedFrames.#latest?.frame !== frame) SharedFrames.#latest = new SharedFrames(frame, undefined)
    return SharedFrames.#latest
  }

  /** Lets go of what was shared, when the tick that shared it ends. */
  static release (): void {
    SharedFrames.#latest = undefined
  }

  /** The run with one frame more. */
  with (frame: Buffer): SharedFrames {
    if (this.#next?.frame !== frame) this.#next = new SharedFrames(frame, this)
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
    for (let run: SharedFrames | undefined = this; run !== undefined; run = run.#before) parts.push(run.frame)
    return parts.reverse()
  }
}
