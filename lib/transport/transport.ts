import type { Duplex } from 'node:stream'
import { currentContext, NOBODY } from './async-context.js'
import { cut } from './http2.js'
import {
  queueRest, receiveBytes, receiver, receiveRest, startReading, type ByteReceiver
} from './reader.js'
import { Rest } from './rest.js'
import { setReading, transportClosed, transportOpened } from './schedule.js'
import type { WriteCallback } from './write-callbacks.js'
import { WriteQueue } from './write-queue.js'

export type { WriteCallback }

/** What happens to the stream of a transport. */
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

interface ReadStream extends Duplex {
  [receiver]?: Transport
}

/**
 * A live stream after the 101: what is read goes to the TransportEvents, what is written waits in the WriteQueue.
 *
 *   stream ──▶ reader ──▶ bytes() ──▶ what was not taken: rest ──▶ bytes() again, in a later turn
 *     ▲                     │
 *     └──── WriteQueue ◀────┘ answers
 */
export class Transport extends WriteQueue implements ByteReceiver {
  readonly #events: TransportEvents
  /** Whether reading is paused by whoever takes the bytes. */
  isPaused = false
  /** @internal */
  rest: Rest | undefined = undefined
  /** @internal */
  turn = 0

  /** Where listeners are called; undefined where no AsyncLocalStorage had a store. */
  readonly #context = currentContext()

  /** @param directly whether to use what Node does not make public, where it works */
  constructor (stream: Duplex, events: TransportEvents, directly: boolean) {
    super(stream, directly)
    this.#events = events
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

  /** Runs a task in the async context of this socket. */
  inContext (task: () => void): void {
    (this.#context ?? NOBODY).runInAsyncScope(task)
  }

  protected override writeQueueDrained (): void {
    this.inContext(() => { this.#events.drained() })
  }

  // Reading

  /** @internal The reader calls these. */
  receive (length: number): number {
    this.isReading = true
    setReading(this)
    try {
      if (this.#context === undefined) return this.#events.bytes(length)
      return this.#context.runInAsyncScope(this.#events.bytes, this.#events, length)
    } finally {
      this.isReading = false
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
   * Receives what is left of a stream that is gone, paused or not, and then calls `closed()` again.
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
    if (this.endWriting()) this.resume()
  }

  /** Cuts the connection. What can leave at once does, as it would have without waiting for the end of the tick. */
  destroy (): void {
    this.flushQueue()
    this.dropQueue()
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
    this.dropQueue()
    transportClosed()
    this.inContext(() => { this.#events.closed() })
  }
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
