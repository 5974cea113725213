import type { Duplex } from 'node:stream'
import { currentContext, ROOT_CONTEXT } from './async-context.js'
import { destroyStream } from './http2.js'
import {
  queueRest, receiveBytes, receiver, receiveRest, startReading, type ByteReceiver
} from './reader.js'
import { Rest } from './rest.js'
import { setReading, transportClosed, transportOpened } from './schedule.js'
import type { WriteCallback } from './write-callbacks.js'
import { WriteQueue } from './write-queue.js'

export type { WriteCallback }

/** Receives the events of a transport. */
export interface TransportEvents {
  /**
   * Called with bytes of the peer: the first `length` bytes of the receive buffer.
   * @returns the number of bytes processed. The others are passed again, in a later turn or when reading resumes.
   */
  bytes (length: number): number
  /** Called when the peer has ended its side. */
  ended (): void
  /** Called when the bytes that had to wait for the peer have been sent. */
  drained (): void
  /** Called when the stream has failed; `closed()` follows. */
  failed (error: Error): void
  /** Called when the stream is closed, and again after `receiveRest()`. */
  closed (): void
}

interface ReadStream extends Duplex {
  [receiver]?: Transport
}

/**
 * A live stream after the 101. Bytes read go to the TransportEvents; bytes written wait in the WriteQueue.
 *
 *   stream ──▶ reader ──▶ bytes() ── not processed: rest ──▶ bytes() again, in a later turn
 *     ▲                      │
 *     └───── WriteQueue ◀────┘ answers
 */
export class Transport extends WriteQueue implements ByteReceiver {
  readonly #events: TransportEvents
  /** Whether reading is paused by `pause()`. */
  isPaused = false
  /** @internal */
  rest: Rest | undefined = undefined
  /** @internal */
  turn = 0

  /** The async context of listeners; undefined if no AsyncLocalStorage had a store. */
  readonly #context = currentContext()

  /** @param directly whether to use direct I/O where it works */
  constructor (stream: Duplex, events: TransportEvents, directly: boolean) {
    super(stream, directly)
    this.#events = events
  }

  /** Starts reading: first `head`, the bytes that arrived with the handshake, then the stream. */
  open (head: Buffer, directly: boolean): void {
    const stream: ReadStream = this.stream
    stream[receiver] = this
    transportOpened()
    stream.on('end', onEnd)
    stream.on('error', onError)
    stream.on('close', onClose)
    if (head.length > 0) receiveBytes(this, head)
    startReading(stream, this, directly)
    // The head may have paused the socket or left a rest.
    if (this.isPaused || this.rest !== undefined) stream.pause()
    else stream.resume()
    // The peer may have ended the stream while hooks ran.
    if (stream.readableEnded) this.streamEnded()
  }

  /** Runs a task in the async context of this socket. */
  inContext (task: () => void): void {
    (this.#context ?? ROOT_CONTEXT).runInAsyncScope(task)
  }

  protected override writeQueueDrained (): void {
    this.inContext(() => { this.#events.drained() })
  }

  // Reading

  /** @internal Called by the reader, like the next four methods. */
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
  restReceived (): void {
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
   * Processes the rest of a closed stream, even if reading is paused, and then calls `closed()` again.
   * @returns whether there is a rest
   */
  receiveRest (): boolean {
    if (this.rest === undefined) return false
    this.rest.isClosed = true
    queueRest(this, this.rest)
    return true
  }

  /** Discards the rest. */
  dropRest (): void {
    const { rest } = this
    this.rest = undefined
    if (rest?.failure !== undefined) this.#events.failed(rest.failure)
  }

  // The end

  /** Ends this side after the queued bytes. Reading continues, even if it was paused. */
  end (): void {
    if (this.endWriting()) this.resume()
  }

  /** Destroys the connection. Bytes queued in this tick are sent first, as far as the kernel takes them. */
  destroy (): void {
    this.flushQueue()
    this.dropQueue()
    this.dropRest()
    destroyStream(this.stream)
  }

  /** @internal Called by the listeners of the stream, like the next two methods. */
  streamEnded (): void {
    // Process the rest first. A paused socket handles the end when it resumes.
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

// Listeners shared by all streams, so that an idle socket needs no closures.

function onEnd (this: ReadStream): void {
  this[receiver]?.streamEnded()
}

function onError (this: ReadStream, error: Error): void {
  this[receiver]?.streamFailed(error)
}

function onClose (this: ReadStream): void {
  this[receiver]?.streamClosed()
}
