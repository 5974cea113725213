import type { Duplex } from 'node:stream'
import type { Output } from '../codec/encoder.js'
import { ConnectionClosed } from '../errors.js'
import { nextTick } from '../timers.js'
import { copyOf } from './copies.js'
import { canWriteNow, directHandle, writeDirectly, writeError, writeNow, type DirectHandle } from './direct.js'
import { end } from './http2.js'
import { flushLater, type Flushable } from './schedule.js'
import { SharedFrames } from './shared-frames.js'
import { closeRegion, extend, isLast, openRegion, slab, SLAB_SIZE } from './slab.js'
import { settleAll, WaitingCallback, type WriteCallback } from './write-callbacks.js'
import { writeTo } from './write.js'

const NOTHING = Buffer.alloc(0)

// Room that a stalled transport takes at a time, so that what waits does not hold the slab.
const BACKLOG_SIZE = 16_384
// A chunk of that size which is less full is given back for one that fits.
const LEAST_USED = 12_288

// So much does not wait for the end of the tick: a read brings no more, so answers to one still leave in one write.
const FLUSH_FROM = 262_144

const OPEN = 0
const ENDING = 1
const ENDED = 2

/**
 * The bytes that go out. Everything written while a chunk of input is read leaves in one write when the chunk is done,
 * everything else at the end of the tick. Three things do not wait for that: bytes of the caller that are too many to be
 * copied, more than FLUSH_FROM, and `flushNow()`. What the kernel does not take then stays here, until the tick ends.
 * One write is under way at a time; what comes meanwhile waits here.
 *
 *   reserve(), append(), share() → region, parts or run → flush() → handle or stream
 *   borrow() → flushNow() → kernel ──not taken──▶ ▲                    │ did not fit
 *                                                 └──── written() ◀────┘
 *
 *   open ── endWriting() ──▶ ending: what waits leaves ──▶ ended: this side of the stream, or all of it
 *
 * This is the base class of Transport, not a part of it: an object of its own would cost each idle socket 40 bytes.
 */
export abstract class WriteQueue implements Output, Flushable {
  readonly stream: Duplex
  readonly #handle: DirectHandle | undefined

  // What waits: either a run, or parts and behind them the region of `chunk` from #start to #end.
  chunk: Buffer = NOTHING
  #start = 0
  #end = 0
  #run: SharedFrames | undefined
  #parts: Buffer[] | undefined
  #partsLength = 0
  #flushFrom = FLUSH_FROM
  #callbacks: WaitingCallback[] | undefined

  // What is under way.
  #isWriting = false
  #writingLength = 0
  #writingCallbacks: WaitingCallback[] | undefined
  #onWritten: ((status?: number | Error | null) => void) | undefined
  /** Whether what is sent now waits for the peer: `writeQueueDrained()` is called when all has left. */
  isStalled = false

  #isScheduled = false
  /** Whether a chunk of input is being read: its end flushes, so nothing has to be scheduled. */
  protected isReading = false
  #phase: typeof OPEN | typeof ENDING | typeof ENDED = OPEN

  /** @param directly whether to use what Node does not make public, where it works */
  constructor (stream: Duplex, directly: boolean) {
    this.stream = stream
    this.#handle = directly ? directHandle(stream) : undefined
  }

  /** What had to wait for the peer has left. */
  protected abstract writeQueueDrained (): void

  /** Bytes queued that have not left. */
  get queuedAmount (): number {
    return this.#partsLength + (this.#end - this.#start) + (this.#run?.length ?? 0) + this.#writingLength
  }

  /** Bytes that wait for the peer, not only for the end of the tick. */
  get bufferedAmount (): number {
    return this.isStalled || this.#isWriting ? this.queuedAmount : 0
  }

  // Queueing

  reserve (length: number): number {
    if (this.#run !== undefined) this.#openRun(this.#run)
    const end = this.#end
    // Behind a region of an earlier slab lie those of others; an own chunk of that size is full.
    const mayGrow = this.chunk === slab ? isLast(end) : end > 0 && this.chunk.length !== SLAB_SIZE
    if (mayGrow && end + length <= this.chunk.length) {
      this.#end = end + length
      if (this.chunk === slab) extend(this.#end)
      return end
    }
    this.#closeRegion()
    if (this.#partsLength >= this.#flushFrom) this.#flushEarly()
    if (this.#isWriting || this.isStalled || length > SLAB_SIZE) this.#openOwnRegion(length)
    else this.#openSlabRegion(length)
    if (!this.#isScheduled && !this.isReading) this.#schedule()
    return this.#start
  }

  append (bytes: Buffer): void {
    if (this.#run !== undefined) this.#openRun(this.#run)
    this.#closeRegion()
    this.#push(bytes)
    if (this.#partsLength >= this.#flushFrom) this.#flushEarly()
    else if (!this.#isScheduled && !this.isReading) this.#schedule()
  }

  /** Queues bytes whose memory is the caller's after this call: what the kernel does not take within it is copied. */
  borrow (bytes: Buffer): void {
    if (this.#isWriting || this.isStalled || !this.#canWriteNow) {
      this.append(copyOf(bytes))
      return
    }
    if (this.#run !== undefined) this.#openRun(this.#run)
    this.#closeRegion()
    this.#push(bytes)
    this.#writeNow(this.#handle as DirectHandle, bytes)
  }

  /** Queues a frame that others are sent too. */
  share (frame: Buffer): void {
    if (this.#run !== undefined) {
      this.#run = this.#run.with(frame)
      if (this.#run.length >= FLUSH_FROM) this.#flushEarly()
    } else if (this.#parts === undefined && this.#end === this.#start) {
      this.#run = SharedFrames.of(frame)
      if (!this.#isScheduled && !this.isReading) this.#schedule()
    } else {
      this.append(frame)
    }
  }

  /** Calls back when all that is queued now has left, or with the error that kept it here. Never within this call. */
  whenWritten (callback: WriteCallback): void {
    if (this.isWriteEnded) nextTick(callback, new ConnectionClosed())
    else if (!this.#isEmpty()) this.#wait(this.#callbacks ??= [], callback)
    else if (this.#isWriting) this.#wait(this.#writingCallbacks ??= [], callback)
    else nextTick(callback)
  }

  #wait (callbacks: WaitingCallback[], callback: WriteCallback): void {
    callbacks.push(new WaitingCallback(callback, callbacks.at(-1) ?? this.#writingCallbacks?.at(-1)))
  }

  #isEmpty (): boolean {
    return this.#parts === undefined && this.#end === this.#start && this.#run === undefined
  }

  #openSlabRegion (length: number): void {
    this.#start = openRegion(length)
    this.#end = this.#start + length
    this.chunk = slab
  }

  #openOwnRegion (length: number): void {
    this.chunk = Buffer.allocUnsafeSlow(this.#isWriting || this.isStalled ? Math.max(BACKLOG_SIZE, length) : length)
    this.#start = 0
    this.#end = length
  }

  #closeRegion (): void {
    if (this.#end > this.#start) {
      const bytes = this.chunk.subarray(this.#start, this.#end)
      // What is left of a chunk would be held as long as the peer does not read, and nobody counts it.
      const isWasteful = this.isStalled && this.chunk.length === BACKLOG_SIZE && bytes.length < LEAST_USED
      this.#push(isWasteful ? Buffer.from(bytes) : bytes)
    }
    this.#start = this.#end = 0
    this.chunk = NOTHING
  }

  #openRun (run: SharedFrames): void {
    this.#run = undefined
    for (const frame of run.parts) this.#push(frame)
  }

  #push (bytes: Buffer): void {
    (this.#parts ??= []).push(bytes)
    this.#partsLength += bytes.length
  }

  #schedule (): void {
    this.#isScheduled = true
    flushLater(this)
  }

  // Writing

  /** Sends what waits, unless a write is under way: the tick ends, or the chunk that was read. */
  flush (): void {
    this.#isScheduled = false
    this.flushQueue()
    if (!this.isStalled || this.#isWriting || this.#phase !== OPEN) return
    this.isStalled = false
    if (!this.stream.destroyed) this.writeQueueDrained()
  }

  /** Hands as much to the kernel as it takes now. The rest is offered again at the next call, or when the tick ends. */
  flushNow (): void {
    if (this.#isEmpty() || this.#isWriting || this.isWriteEnded) return
    if (!this.#canWriteNow) {
      this.flushQueue()
      return
    }
    if (this.#run !== undefined) this.#openRun(this.#run)
    this.#closeRegion()
    this.#writeNow(this.#handle as DirectHandle)
  }

  #flushEarly (): void {
    this.flushNow()
    // To offer it again costs more the more waits.
    this.#flushFrom = this.#partsLength + FLUSH_FROM
    if (!this.#isScheduled && !this.isReading && !this.#isEmpty()) this.#schedule()
  }

  /** Has the rest leave as the peer reads. It is not offered to the kernel again before. */
  waitForPeer (): void {
    this.flushQueue()
  }

  get #canWriteDirectly (): boolean {
    return this.#handle !== undefined && this.stream.writableLength === 0 && !this.stream.destroyed && !this.isWriteEnded
  }

  get #canWriteNow (): boolean {
    return this.#canWriteDirectly && canWriteNow(this.#handle as DirectHandle)
  }

  /** @param borrowed the last of the parts, whose memory is not ours */
  #writeNow (handle: DirectHandle, borrowed?: Buffer): void {
    const parts = this.#parts as Buffer[]
    const taken = writeNow(handle, parts)
    if (taken === this.#partsLength) {
      this.#parts = undefined
      this.#partsLength = 0
      this.#flushFrom = FLUSH_FROM
      const callbacks = this.#callbacks
      this.#callbacks = undefined
      if (callbacks !== undefined) settleAll(callbacks, null)
      return
    }
    if (borrowed !== undefined) parts[parts.length - 1] = copyOf(borrowed)
    let index = 0
    let left = taken
    for (; left >= (parts[index] as Buffer).length; index++) left -= (parts[index] as Buffer).length
    parts.splice(0, index)
    parts[0] = (parts[0] as Buffer).subarray(left)
    this.#partsLength -= taken
    this.isStalled = true
    if (!this.#isScheduled && !this.isReading) this.#schedule()
  }

  /** Begins a write of all that waits, unless one is under way. */
  protected flushQueue (): void {
    if (this.#isEmpty()) return
    if (this.#isWriting) {
      this.isStalled = true
      return
    }
    if (this.isWriteEnded) {
      this.dropQueue()
      return
    }
    const callbacks = this.#callbacks
    this.#callbacks = undefined
    this.#writingCallbacks = callbacks
    if (this.#parts !== undefined) this.#flushParts()
    else if (this.#run !== undefined) this.#flushRun(this.#run)
    else this.#flushRegion()
  }

  #flushRegion (): void {
    const { chunk } = this
    const bytes = chunk.subarray(this.#start, this.#end)
    // A stream in memory may bring an answer, and that another message, before its write returns.
    this.#start = this.#end = 0
    this.chunk = NOTHING
    this.#write(bytes, bytes.length)
    // What is still under way keeps its region, and with it the slab.
    if (chunk === slab && !this.#isWriting) closeRegion()
  }

  #flushRun (run: SharedFrames): void {
    this.#run = undefined
    this.#write(run.bytes ?? run.parts, run.length)
  }

  #flushParts (): void {
    this.#closeRegion()
    const parts = this.#parts as Buffer[]
    const length = this.#partsLength
    this.#parts = undefined
    this.#partsLength = 0
    this.#flushFrom = FLUSH_FROM
    this.#write(parts.length === 1 ? parts[0] as Buffer : parts, length)
  }

  #write (bytes: Buffer | Buffer[], length: number): void {
    // What others wrote to the stream goes first.
    if (this.#canWriteDirectly) {
      this.#onWritten ??= (status) => { this.#written(status) }
      const result = writeDirectly(this.#handle as DirectHandle, bytes, this.#onWritten)
      if (result === 'done') {
        if (this.#writingCallbacks !== undefined) this.#callBack(null)
        return
      }
      if (result === 'pending') {
        this.#isWriting = this.isStalled = true
        this.#writingLength = length
        return
      }
      // Refused: the stream will be as well, and knows how to fail.
    }
    this.#writeToStream(bytes, length)
  }

  #writeToStream (bytes: Buffer | Buffer[], length: number): void {
    const { stream } = this
    this.#onWritten ??= (status) => { this.#written(status) }
    this.#isWriting = true
    this.#writingLength = length
    writeTo(stream, bytes, length, this.#onWritten)
    if (stream.writableNeedDrain) this.isStalled = true
  }

  // The handle gives a number, the stream an error.
  #written (status: number | Error | null | undefined): void {
    this.#isWriting = false
    this.#writingLength = 0
    const error = typeof status === 'number' ? writeError(status) : status ?? null
    this.#callBack(error)
    // A stream fails by itself, a handle does not.
    if (error !== null) this.stream.destroy(error)
    this.flush()
    if (!this.#isWriting && this.#phase === ENDING) this.#endStream()
  }

  #callBack (error: Error | null): void {
    const callbacks = this.#writingCallbacks
    if (callbacks === undefined) return
    this.#writingCallbacks = undefined
    settleAll(callbacks, error)
  }

  /** Forgets what has not begun to leave; who waits for it gets an error. */
  dropWaiting (): void {
    // The kernel may have taken the beginning of a frame: its end has to follow.
    if (this.isStalled && !this.isWriteEnded) this.flushQueue()
    this.#start = this.#end = this.#partsLength = 0
    this.chunk = NOTHING
    this.#run = this.#parts = undefined
    const callbacks = this.#callbacks
    if (callbacks === undefined) return
    this.#callbacks = undefined
    settleAll(callbacks, new ConnectionClosed())
  }

  // The end

  /** Whether nothing more is written. */
  get isWriteEnded (): boolean {
    return this.#phase === ENDED
  }

  /**
   * Ends this side of the stream when what waits has left.
   * @returns whether that begins now
   */
  protected endWriting (): boolean {
    if (this.#phase !== OPEN) return false
    this.#phase = ENDING
    this.flush()
    if (!this.#isWriting) this.#endStream()
    return true
  }

  #endStream (): void {
    this.#phase = ENDED
    end(this.stream)
  }

  /** Writes nothing more: the stream is gone. Callbacks of what has not left get an error. */
  protected dropQueue (): void {
    this.#phase = ENDED
    if (this.#writingCallbacks !== undefined) this.#callBack(new ConnectionClosed())
    this.dropWaiting()
  }
}
