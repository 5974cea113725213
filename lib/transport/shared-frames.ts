// Up to this size, joining frames into one buffer costs less than writing many buffers.
const JOIN_UP_TO = 65_536

/**
 * A sequence of frames sent to many sockets. Sockets that are sent the same frames hold the same object, so the frames
 * are joined once: sending eight messages to 500 sockets in a tick costs a tenth of 4,000 writes.
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

  // The last sequence of one frame, for the next receiver of the same message.
  static #latest: SharedFrames | undefined

  static of (frame: Buffer): SharedFrames {
    if (SharedFrames.#latest?.frame !== frame) SharedFrames.#latest = new SharedFrames(frame, undefined)
    return SharedFrames.#latest
  }

  /** Drops the reference to the last sequence, at the end of the tick. */
  static release (): void {
    SharedFrames.#latest = undefined
  }

  /** Returns the sequence with one more frame. */
  with (frame: Buffer): SharedFrames {
    if (this.#next?.frame !== frame) this.#next = new SharedFrames(frame, this)
    return this.#next
  }

  /** The joined frames; undefined if they are too large to join. */
  get bytes (): Buffer | undefined {
    if (this.#before === undefined) return this.frame
    if (this.length > JOIN_UP_TO) return undefined
    return (this.#bytes ??= Buffer.concat(this.parts, this.length))
  }

  /** The frames as separate buffers. */
  get parts (): Buffer[] {
    const parts: Buffer[] = []
    for (let last: SharedFrames | undefined = this; last !== undefined; last = last.#before) parts.push(last.frame)
    return parts.reverse()
  }
}
