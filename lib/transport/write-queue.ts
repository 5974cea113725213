import type { Duplex } from 'node:stream'
import { ConnectionClosed } from '../errors.js'
import { nextTick } from '../timers.js'
import { copyOf } from './copies.js'
import { canWriteNow, directHandle, writeDirectly, writeError, writeNow, type DirectHandle } from './direct.js'
import { endStream } from './http2.js'
import { PendingBytes } from './pending-bytes.js'
import type { SharedFrames } from './shared-frames.js'
import { closeRegion, slab } from './slab.js'
import { settleAll, WaitingCallback, type WriteCallback } from './write-callbacks.js'
import { writeTo } from './write.js'

const OPEN = 0
const ENDING = 1
const ENDED = 2

/**
 * Sends the pending bytes. Bytes queued while a chunk of input is processed are sent in one write after it, all others
 * at the end of the tick. There are three exceptions: borrowed bytes, large numbers of bytes, and `flushNow()`.
 * Only one asynchronous write is pending at a time; bytes queued meanwhile wait for it.
 *
 *   PendingBytes ── flush() ──▶ write ── taken ──▶ sent
 *     ▲     borrow(), flushNow() ──▶ kernel ── taken ──▶ sent
 *     │                                │ not taken
 *     ├────────────────────────────────┘
 *     └───────── #written() ◀── write pending
 *
 *   open ── endWriting() ──▶ ending: sends what is queued ──▶ ended
 *     └───────── dropQueue(), the stream is destroyed ──────────▲
 *
 * This is a base class of Transport, because a separate object would cost each idle socket 40 bytes.
 */
export abstract class WriteQueue extends PendingBytes {
  readonly stream: Duplex
  readonly #handle: DirectHandle | undefined

  #callbacks: WaitingCallback[] | undefined

  // The pending write.
  #writingLength = 0
  #writingCallbacks: WaitingCallback[] | undefined
  #onWritten: ((status?: number | Error | null) => void) | undefined
  #phase: typeof OPEN | typeof ENDING | typeof ENDED = OPEN

  /** @param directly whether to use direct I/O where it works */
  constructor (stream: Duplex, directly: boolean) {
    super()
    this.stream = stream
    this.#handle = directly ? directHandle(stream) : undefined
  }

  /** Called when the bytes that had to wait for the peer have been sent. */
  protected abstract writeQueueDrained (): void

  /** Bytes that have not been sent. */
  get queuedAmount (): number {
    return this.pendingLength + this.#writingLength
  }

  /** Bytes that have not been sent and wait for the peer, not only for the end of the tick. */
  get bufferedAmount (): number {
    return this.isStalled || this.isWriting ? this.queuedAmount : 0
  }

  // Queueing

  /** Sends bytes that the caller may change afterwards. Copies those that the kernel does not take at once. */
  override borrow (bytes: Buffer): void {
    if (this.isWriting || this.isStalled || !this.#canWriteNow) {
      this.append(copyOf(bytes))
      return
    }
    if (this.shared !== undefined) this.unshare(this.shared)
    this.endRegion()
    this.push(bytes)
    this.#writeNow(this.#handle as DirectHandle, bytes)
  }

  /** Calls back when everything queued so far has been sent, or with an error. Always asynchronous. */
  whenWritten (callback: WriteCallback): void {
    if (this.isWriteEnded) nextTick(callback, new ConnectionClosed())
    else if (!this.isEmpty()) this.#addCallback(this.#callbacks ??= [], callback)
    else if (this.isWriting) this.#addCallback(this.#writingCallbacks ??= [], callback)
    else nextTick(callback)
  }

  #addCallback (callbacks: WaitingCallback[], callback: WriteCallback): void {
    callbacks.push(new WaitingCallback(callback, callbacks.at(-1) ?? this.#writingCallbacks?.at(-1)))
  }

  // Writing

  /** Sends the queued bytes, unless a write is pending. Called at the end of the tick or of a chunk of input. */
  override flush (): void {
    this.isScheduled = false
    this.flushQueue()
    if (!this.isStalled || this.isWriting || this.#phase !== OPEN) return
    this.isStalled = false
    if (!this.stream.destroyed) this.writeQueueDrained()
  }

  override flushNow (): void {
    if (this.isEmpty() || this.isWriting || this.isWriteEnded) return
    if (!this.#canWriteNow) {
      this.flushQueue()
      return
    }
    if (this.shared !== undefined) this.unshare(this.shared)
    this.endRegion()
    this.#writeNow(this.#handle as DirectHandle)
  }

  /** Starts an asynchronous write of the queued bytes, which ends when the peer has read enough. */
  waitForPeer (): void {
    this.flushQueue()
  }

  get #canWriteDirectly (): boolean {
    const { stream } = this
    return this.#handle !== undefined && stream.writableLength === 0 && !stream.destroyed && !this.isWriteEnded
  }

  get #canWriteNow (): boolean {
    return this.#canWriteDirectly && canWriteNow(this.#handle as DirectHandle)
  }

  /** @param borrowed the last part, which the caller may change afterwards */
  #writeNow (handle: DirectHandle, borrowed?: Buffer): void {
    const parts = this.parts as Buffer[]
    const taken = writeNow(handle, parts)
    if (taken === this.partsLength) {
      this.forgetParts()
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
    this.partsLength -= taken
    this.isStalled = true
    if (!this.isScheduled && !this.isReading) this.schedule()
  }

  /** Starts a write of all queued bytes, unless one is pending. */
  protected flushQueue (): void {
    if (this.isEmpty()) return
    if (this.isWriting) {
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
    if (this.parts !== undefined) this.#flushParts()
    else if (this.shared !== undefined) this.#flushShared(this.shared)
    else this.#flushRegion()
  }

  #flushRegion (): void {
    const { chunk } = this
    const bytes = chunk.subarray(this.regionStart, this.regionEnd)
    // Reset first: a stream in memory may deliver an answer, which causes another send(), before its write() returns.
    this.forgetRegion()
    this.#write(bytes, bytes.length)
    // A pending write keeps its region, and so the slab.
    if (chunk === slab && !this.isWriting) closeRegion()
  }

  #flushShared (shared: SharedFrames): void {
    this.shared = undefined
    this.#write(shared.bytes ?? shared.parts, shared.length)
  }

  #flushParts (): void {
    this.endRegion()
    const parts = this.parts as Buffer[]
    const length = this.partsLength
    this.forgetParts()
    this.#write(parts.length === 1 ? parts[0] as Buffer : parts, length)
  }

  #write (bytes: Buffer | Buffer[], length: number): void {
    // Not possible while bytes that others wrote to the stream are waiting.
    if (this.#canWriteDirectly) {
      this.#onWritten ??= (status) => { this.#written(status) }
      const result = writeDirectly(this.#handle as DirectHandle, bytes, this.#onWritten)
      if (result === 'done') {
        if (this.#writingCallbacks !== undefined) this.#callBack(null)
        return
      }
      if (result === 'pending') {
        this.isWriting = this.isStalled = true
        this.#writingLength = length
        return
      }
      // If the handle refuses the write, the stream will fail too, and emits the error.
    }
    this.#writeToStream(bytes, length)
  }

  #writeToStream (bytes: Buffer | Buffer[], length: number): void {
    const { stream } = this
    this.#onWritten ??= (status) => { this.#written(status) }
    this.isWriting = true
    this.#writingLength = length
    writeTo(stream, bytes, length, this.#onWritten)
    if (stream.writableNeedDrain) this.isStalled = true
  }

  // The handle passes a number, the stream an error.
  #written (status: number | Error | null | undefined): void {
    this.isWriting = false
    this.#writingLength = 0
    const error = typeof status === 'number' ? writeError(status) : status ?? null
    this.#callBack(error)
    // A stream destroys itself on an error, but not when its handle was used directly.
    if (error !== null) this.stream.destroy(error)
    this.flush()
    if (!this.isWriting && this.#phase === ENDING) this.#endStream()
  }

  #callBack (error: Error | null): void {
    const callbacks = this.#writingCallbacks
    if (callbacks === undefined) return
    this.#writingCallbacks = undefined
    settleAll(callbacks, error)
  }

  /** Drops the bytes that no write has started to send. Their callbacks get an error. */
  dropWaiting (): void {
    // The kernel may have taken the first part of a frame, so the rest must be sent.
    if (this.isStalled && !this.isWriteEnded) this.flushQueue()
    this.clear()
    const callbacks = this.#callbacks
    if (callbacks === undefined) return
    this.#callbacks = undefined
    settleAll(callbacks, new ConnectionClosed())
  }

  // The end

  /** Whether nothing can be written anymore. */
  get isWriteEnded (): boolean {
    return this.#phase === ENDED
  }

  /**
   * Ends this side of the stream after the queued bytes.
   * @returns false if it was called before, or the stream is destroyed
   */
  protected endWriting (): boolean {
    if (this.#phase !== OPEN) return false
    this.#phase = ENDING
    this.flush()
    if (!this.isWriting) this.#endStream()
    return true
  }

  #endStream (): void {
    this.#phase = ENDED
    endStream(this.stream)
  }

  /** Drops all bytes, because the stream is destroyed. Their callbacks get an error. */
  protected dropQueue (): void {
    this.#phase = ENDED
    if (this.#writingCallbacks !== undefined) this.#callBack(new ConnectionClosed())
    this.dropWaiting()
  }
}
