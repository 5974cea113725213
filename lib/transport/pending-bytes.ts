import type { Output } from '../codec/encoder.js'
import { flushLater, type Flushable } from './schedule.js'
import { SharedFrames } from './shared-frames.js'
import { extend, isLast, openRegion, slab, SLAB_SIZE } from './slab.js'

const NO_CHUNK = Buffer.alloc(0)

// A stalled transport allocates buffers of this size, so that its waiting bytes do not hold the slab.
const BACKLOG_SIZE = 16_384
// A chunk of that size with fewer bytes than this is replaced by a copy that fits.
const LEAST_USED = 12_288

// This many bytes do not wait for the end of the tick. A read returns no more, so the answers to one still leave in one
// write.
const EARLY_FLUSH_SIZE = 262_144

/**
 * The bytes that no write has started to send.
 *
 *   reserve(), append() ──▶ parts, followed by a region of `chunk` ──┐
 *   share(), as long as nothing else is pending ──▶ shared frames ───┴──▶ flush(), or flushNow() if they are many
 *
 * This is a base class of WriteQueue, because a separate object would cost memory for each idle socket. It has no
 * private methods for the same reason.
 */
export abstract class PendingBytes implements Output, Flushable {
  // Either shared frames, or parts followed by the region of `chunk` from `regionStart` to `regionEnd`.
  chunk: Buffer = NO_CHUNK
  protected regionStart = 0
  protected regionEnd = 0
  protected shared: SharedFrames | undefined
  protected parts: Buffer[] | undefined
  protected partsLength = 0
  #earlyFlushSize = EARLY_FLUSH_SIZE

  /** Whether bytes written now have to wait for the peer. */
  isStalled = false
  /** Whether an asynchronous write is pending. */
  protected isWriting = false
  protected isScheduled = false
  /** Whether a chunk of input is being processed. The queue is flushed after it, so nothing has to be scheduled. */
  protected isReading = false

  abstract borrow (bytes: Buffer): void
  /** Called at the end of the tick or of a chunk of input. */
  abstract flush (): void
  /** Sends as much as the kernel takes now. The rest is sent by the next call, or at the end of the tick. */
  abstract flushNow (): void

  reserve (length: number): number {
    if (this.shared !== undefined) this.unshare(this.shared)
    const end = this.regionEnd
    // A region can grow if it is the last one in the current slab, or has a chunk of its own. A chunk of SLAB_SIZE is
    // an earlier slab, where regions of other sockets follow.
    const mayGrow = this.chunk === slab ? isLast(end) : end > 0 && this.chunk.length !== SLAB_SIZE
    if (mayGrow && end + length <= this.chunk.length) {
      this.regionEnd = end + length
      if (this.chunk === slab) extend(this.regionEnd)
      return end
    }
    this.endRegion()
    if (this.partsLength >= this.#earlyFlushSize) this.flushEarly()
    if (this.isWriting || this.isStalled || length > SLAB_SIZE) this.openOwnRegion(length)
    else this.openSlabRegion(length)
    if (!this.isScheduled && !this.isReading) this.schedule()
    return this.regionStart
  }

  append (bytes: Buffer): void {
    if (this.shared !== undefined) this.unshare(this.shared)
    this.endRegion()
    this.push(bytes)
    if (this.partsLength >= this.#earlyFlushSize) this.flushEarly()
    else if (!this.isScheduled && !this.isReading) this.schedule()
  }

  /** Queues a frame that is sent to other sockets too. */
  share (frame: Buffer): void {
    if (this.shared !== undefined) {
      this.shared = this.shared.with(frame)
      if (this.shared.length >= EARLY_FLUSH_SIZE) this.flushEarly()
    } else if (this.parts === undefined && this.regionEnd === this.regionStart) {
      this.shared = SharedFrames.of(frame)
      if (!this.isScheduled && !this.isReading) this.schedule()
    } else {
      this.append(frame)
    }
  }

  protected isEmpty (): boolean {
    return this.parts === undefined && this.regionEnd === this.regionStart && this.shared === undefined
  }

  protected get pendingLength (): number {
    return this.partsLength + (this.regionEnd - this.regionStart) + (this.shared?.length ?? 0)
  }

  protected openSlabRegion (length: number): void {
    this.regionStart = openRegion(length)
    this.regionEnd = this.regionStart + length
    this.chunk = slab
  }

  protected openOwnRegion (length: number): void {
    this.chunk = Buffer.allocUnsafeSlow(this.isWriting || this.isStalled ? Math.max(BACKLOG_SIZE, length) : length)
    this.regionStart = 0
    this.regionEnd = length
  }

  /** Turns the region into a part. */
  protected endRegion (): void {
    if (this.regionEnd > this.regionStart) {
      const bytes = this.chunk.subarray(this.regionStart, this.regionEnd)
      // The unused rest of the chunk would stay in memory, uncounted, until the peer reads.
      const isWasteful = this.isStalled && this.chunk.length === BACKLOG_SIZE && bytes.length < LEAST_USED
      this.push(isWasteful ? Buffer.from(bytes) : bytes)
    }
    this.forgetRegion()
  }

  protected forgetRegion (): void {
    this.regionStart = this.regionEnd = 0
    this.chunk = NO_CHUNK
  }

  /** Turns the shared frames into parts. */
  protected unshare (shared: SharedFrames): void {
    this.shared = undefined
    for (const frame of shared.parts) this.push(frame)
  }

  protected push (bytes: Buffer): void {
    (this.parts ??= []).push(bytes)
    this.partsLength += bytes.length
  }

  protected forgetParts (): void {
    this.parts = undefined
    this.partsLength = 0
    this.#earlyFlushSize = EARLY_FLUSH_SIZE
  }

  protected clear (): void {
    this.shared = undefined
    this.forgetParts()
    this.forgetRegion()
  }

  protected schedule (): void {
    this.isScheduled = true
    flushLater(this)
  }

  protected flushEarly (): void {
    this.flushNow()
    // The more bytes wait, the more another attempt costs.
    this.#earlyFlushSize = this.partsLength + EARLY_FLUSH_SIZE
    if (!this.isScheduled && !this.isReading && !this.isEmpty()) this.schedule()
  }
}
