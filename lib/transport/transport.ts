import type { Duplex } from 'node:stream'
import type { Output } from '../codec/encoder.js'
import { ConnectionClosed } from '../errors.js'
import { nextTick } from '../timers.js'
import { currentContext, NOBODY } from './async-context.js'
import { copyOf } from './copies.js'
import { canWriteNow, directHandle, writeDirectly, writeError, writeNow, type DirectHandle } from './direct.js'
import { cut, end } from './http2.js'
import { queueRest, receiveBytes, receiver, receiveRest, startReading, type ByteReceiver } from './reader.js'
import { Rest } from './rest.js'
import { SharedFrames } from './shared-frames.js'
import { flushLater, setReading, transportClosed, transportOpened } from './schedule.js'
import { closeRegion, extend, isLast, openRegion, slab, SLAB_SIZE } from './slab.js'
import { WaitingCallback, type WriteCallback } from './write-callbacks.js'
import { writeTo } from './write.js'

export type { WriteCallback }

/** What a transport tells of its stream. */
export interface TransportEvents {
  /**
   * Bytes of the peer, the first `length` of the receive buffer.
   * @returns how many were taken; the others come again, unless reading is paused
   */
  bytes (length: number): number
  /** The peer ended its side. */
  ended (): void
  /** What had to wait for the peer has left. */
  drained (): void
  /** The stream failed; 'closed' follows. */
  failed (error: Error): void
  /** The stream is gone. Comes once, and again after `receiveRest()`. */
  closed (): void
}

const NOTHING = Buffer.alloc(0)

// Room that a stalled transport takes at a time, so that what waits does not hold the slab.
const BACKLOG_SIZE = 16_384

// So much does not wait for the end of the tick: a read brings no more, so answers to one still leave in one write.
const FLUSH_FROM = 262_144

interface ReadStream extends Duplex {
  [receiver]?: Transport
}

/**
 * A live stream after the 101. Everything written while a chunk of input is read leaves in one write when the chunk
 * is done, everything else at the end of the tick. Three things do not wait for that: bytes of the caller that are too
 * many to be copied, more than FLUSH_FROM, and whoever calls `flushNow()`. What the kernel does not take then stays here,
 * until the tick ends. One write is under way at a time; what comes meanwhile waits here.
 *
 *   reserve(), append(), share() → region, parts or run → flush() → handle or stream
 *   borrow() → flushNow() → kernel ──not taken──▶ ▲                    │ did not fit
 *                                                 └──── written() ◀────┘
 */
export class Transport implements Output, ByteReceiver {
  readonly stream: Duplex
  readonly #events: TransportEvents
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
  /** Whether what is sent now waits for the peer: `drained()` is told when all has left. */
  isStalled = false

  #isScheduled = false
  #isReading = false
  /** Whether reading is paused by whoever takes the bytes. */
  isPaused = false
  /** @internal */
  rest: Rest | undefined = undefined
  /** @internal */
  turn = 0
  #isEnding = false
  #isEnded = false

  /** Where listeners are called; undefined where no AsyncLocalStorage had a store. */
  readonly #context = currentContext()

  /** @param directly whether to use what Node does not make public, where it works */
  constructor (stream: Duplex, events: TransportEvents, directly: boolean) {
    this.stream = stream
    this.#events = events
    this.#handle = directly ? directHandle(stream) : undefined
  }

  /** Starts to read: first `head`, which came with the handshake, then the stream. */
  open (head: Buffer, directly: boolean): void {
    const stream: ReadStream = this.stream
    stream[receiver] = this
    transportOpened()
    stream.on('end', onEnd)
    stream.on('error', onError)
    stream.on('close', onClose)
    if (head.length > 0) receiveBytes(this, head)
    startReading(stream, this, directly)
    // Waiting for the bytes behind a head may have paused it.
    if (this.isPaused || this.rest !== undefined) stream.pause()
    else stream.resume()
    // The peer may have left while hooks ran.
    if (stream.readableEnded) this.streamEnded()
  }

  /** Bytes queued that have not left. */
  get queuedAmount (): number {
    return this.#partsLength + (this.#end - this.#start) + (this.#run?.length ?? 0) + this.#writingLength
  }

  /** Bytes that wait for the peer, not only for the end of the tick. */
  get bufferedAmount (): number {
    return this.isStalled || this.#isWriting ? this.queuedAmount : 0
  }

  /** Runs a task in the async context of this socket. */
  inContext (task: () => void): void {
    (this.#context ?? NOBODY).runInAsyncScope(task)
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
    if (!this.#isScheduled && !this.#isReading) this.#schedule()
    return this.#start
  }

  append (bytes: Buffer): void {
    if (this.#run !== undefined) this.#openRun(this.#run)
    this.#closeRegion()
    this.#push(bytes)
    if (this.#partsLength >= this.#flushFrom) this.#flushEarly()
    else if (!this.#isScheduled && !this.#isReading) this.#schedule()
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
      if (!this.#isScheduled && !this.#isReading) this.#schedule()
    } else {
      this.append(frame)
    }
  }

  /** Calls back when all that is queued now has left, or with the error that kept it here. Never within this call. */
  whenWritten (callback: WriteCallback): void {
    if (this.#isEnded) nextTick(callback, new ConnectionClosed())
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
    if (this.#end > this.#start) this.#push(this.chunk.subarray(this.#start, this.#end))
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
    this.#flushQueue()
    if (this.isStalled && !this.#isWriting && !this.#isEnding && !this.#isEnded) this.#drained()
  }

  /** Hands as much to the kernel as it takes now. The rest is offered again at the next call, or when the tick ends. */
  flushNow (): void {
    if (this.#isEmpty() || this.#isWriting || this.#isEnded) return
    if (!this.#canWriteNow) {
      this.#flushQueue()
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
    if (!this.#isScheduled && !this.#isReading && !this.#isEmpty()) this.#schedule()
  }

  /** Has the rest leave as the peer reads. It is not offered to the kernel again before. */
  waitForPeer (): void {
    this.#flushQueue()
  }

  get #canWriteDirectly (): boolean {
    return this.#handle !== undefined && this.stream.writableLength === 0 && !this.stream.destroyed && !this.#isEnded
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
    if (!this.#isScheduled && !this.#isReading) this.#schedule()
  }

  #flushQueue (): void {
    if (this.#isEmpty()) return
    if (this.#isWriting) {
      this.isStalled = true
      return
    }
    if (this.#isEnded) {
      this.#dropQueue()
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
    if (!this.#isWriting && this.#isEnding) this.#endStream()
  }

  #drained (): void {
    this.isStalled = false
    if (!this.stream.destroyed) this.inContext(() => { this.#events.drained() })
  }

  #callBack (error: Error | null): void {
    const callbacks = this.#writingCallbacks
    if (callbacks === undefined) return
    this.#writingCallbacks = undefined
    settleAll(callbacks, error)
  }

  #dropQueue (): void {
    if (this.#writingCallbacks !== undefined) this.#callBack(new ConnectionClosed())
    this.dropWaiting()
  }

  /** Forgets what has not begun to leave; who waits for it gets an error. */
  dropWaiting (): void {
    // The kernel may have taken the beginning of a frame: its end has to follow.
    if (this.isStalled && !this.#isEnded) this.#flushQueue()
    this.#start = this.#end = this.#partsLength = 0
    this.chunk = NOTHING
    this.#run = this.#parts = undefined
    const callbacks = this.#callbacks
    if (callbacks === undefined) return
    this.#callbacks = undefined
    settleAll(callbacks, new ConnectionClosed())
  }

  // Reading

  /** @internal The reader calls these. */
  receive (length: number): number {
    this.#isReading = true
    setReading(this)
    try {
      if (this.#context === undefined) return this.#events.bytes(length)
      return this.#context.runInAsyncScope(this.#events.bytes, this.#events, length)
    } finally {
      this.#isReading = false
    }
  }

  /** @internal */
  received (): void {
    this.flush()
    setReading(undefined)
  }

  /** @internal */
  takeTurn (): void {
    receiveRest(this)
  }

  /** @internal */
  stopReading (): void {
    this.stream.pause()
  }

  /** @internal */
  caughtUp (): void {
    const rest = this.rest as Rest
    if (rest.isEmpty) {
      this.rest = undefined
      if (rest.hasEnded) this.#events.ended()
      if (rest.failure !== undefined) this.#events.failed(rest.failure)
    }
    if (rest.isClosed) this.#events.closed()
    else if (!this.isPaused) this.stream.resume()
  }

  pause (): void {
    this.isPaused = true
    this.stream.pause()
  }

  resume (): void {
    this.isPaused = false
    if (this.rest === undefined) this.stream.resume()
    else queueRest(this, this.rest)
  }

  /**
   * Receives what is left of a stream that is gone, paused or not, and then tells `closed()` again.
   * @returns whether anything is left
   */
  receiveRest (): boolean {
    if (this.rest === undefined) return false
    this.rest.isClosed = true
    queueRest(this, this.rest)
    return true
  }

  /** Forgets what is left. */
  dropRest (): void {
    const { rest } = this
    this.rest = undefined
    if (rest?.failure !== undefined) this.#events.failed(rest.failure)
  }

  // The end

  /** Sends what is queued and ends this side; what still arrives is read on. */
  end (): void {
    if (this.#isEnding || this.#isEnded) return
    this.#isEnding = true
    this.flush()
    if (!this.#isWriting) this.#endStream()
    this.resume()
  }

  #endStream (): void {
    this.#isEnding = false
    this.#isEnded = true
    end(this.stream)
  }

  /** Cuts the connection. What can leave at once does, as it would have without waiting for the end of the tick. */
  destroy (): void {
    this.#flushQueue()
    this.#isEnded = true
    this.#dropQueue()
    this.dropRest()
    cut(this.stream)
  }

  /** @internal The stream's own events. */
  streamEnded (): void {
    // What was read before it comes first; what is paused has not seen the end yet.
    if (this.rest === undefined && !this.isPaused) this.inContext(() => { this.#events.ended() })
    else (this.rest ??= new Rest()).hasEnded = true
  }

  /** @internal */
  streamFailed (error: Error): void {
    if (this.rest === undefined) this.inContext(() => { this.#events.failed(error) })
    else this.rest.failure ??= error
  }

  /** @internal */
  streamClosed (): void {
    this.#isEnded = true
    this.#dropQueue()
    transportClosed()
    this.inContext(() => { this.#events.closed() })
  }
}

function settleAll (callbacks: readonly WaitingCallback[], error: Error | null): void {
  for (const callback of callbacks) callback.settle(error)
}

// Shared by all streams, so that an idle socket holds no closures.

function onEnd (this: ReadStream): void {
  this[receiver]?.streamEnded()
}

function onError (this: ReadStream, error: Error): void {
  this[receiver]?.streamFailed(error)
}

function onClose (this: ReadStream): void {
  this[receiver]?.streamClosed()
}
