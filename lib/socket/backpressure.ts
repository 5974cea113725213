import { PreparedMessage } from '../codec/prepared-message.js'
import { MessageReplaced, BackpressureExceeded } from '../errors.js'
import { inCallersContext } from '../transport/async-context.js'
import type { Protocol } from '../protocol/protocol.js'
import type { Transport, WriteCallback } from '../transport/transport.js'
import { isBlob, type SendResult } from './sendable.js'

/** What to do with a message for a slow peer: see the option `backpressure`. */
export type BackpressurePolicy = 'close' | 'drop' | 'latest' | 'wait'

export interface BackpressureSettings {
  /** The number of bytes that may wait for one peer. One message may exceed it. */
  readonly limit: number
  readonly policy: BackpressurePolicy
}

/** The connection, as far as its Backpressure uses it. */
export interface SlowConnection {
  readonly transport: Transport
  readonly protocol: Protocol
  readonly isOpen: boolean
  close (code: number, reason: string): void
  /** Called before the policy 'close' closes the socket. */
  notifyTerminate (reason: string): void
  notifyDrop (data: string | Buffer, isBinary: boolean): void
}

/** The Sender, as far as its Backpressure uses it. */
export interface SlowSender {
  /** Above this number of queued bytes, messages go through the Backpressure. */
  limit: number
  /** The number of bytes not sent yet. */
  readonly queuedAmount: number
  transmit (
    payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean,
    callback: WriteCallback | undefined
  ): SendResult
  transmitPrepared (message: PreparedMessage, callback: WriteCallback | undefined): SendResult
  whenWritten (callback: WriteCallback): void
  refuse (error: Error, callback: WriteCallback | undefined): 'refused'
  refuseClosed (callback: WriteCallback | undefined): 'refused'
}

/** The arguments of a `send()` call. */
export interface Outgoing {
  readonly data: string | Buffer | PreparedMessage
  readonly isBinary: boolean
  readonly fin: boolean
  readonly isCompressible: boolean
  readonly kind: string
  readonly callback: WriteCallback | undefined
}

/** A call of `sent()` that waits for room. */
interface WaitingCall {
  readonly length: number
  readonly run: () => void
}

// Registered with IANA as "Try Again Later".
const TRY_AGAIN_LATER = 1013

/** Returns the initial `limit` of a SlowSender. Below it, backpressure costs one comparison per message. */
export function limitOf (settings: BackpressureSettings | undefined): number {
  if (settings === undefined) return Infinity
  return settings.policy === 'latest' ? ALWAYS : settings.limit
}

const ALWAYS = -1

/**
 * Applies the policy for slow peers. It is created when a socket first reaches its limit.
 *
 *                              ┌── 'close' ──▶ the queue is dropped, the socket closes with 1013
 *   send() ── over limit? ─────┼── 'drop' ───▶ refused, emits 'drop'
 *                              └── 'wait' ───▶ send() refuses; sent() waits ── the queue is empty ──▶ sent
 *   send() ── peer is slow? ────── 'latest' ─▶ kept, replacing the last of its kind ── queue empty ──▶ sent
 *
 * If a later fragment of a message cannot be sent, every policy closes the socket.
 */
export class Backpressure {
  /** The number of messages dropped. */
  dropped = 0

  readonly #sender: SlowSender
  readonly #connection: SlowConnection
  readonly #settings: BackpressureSettings
  /** Whether the next fragments belong to a message whose first one was refused. */
  #isRefusing = false
  readonly #kept = new Map<string, Outgoing>()
  #keptBytes = 0
  readonly #calls: WaitingCall[] = []
  #callsBytes = 0
  #isReleaseDue = false

  constructor (sender: SlowSender, connection: SlowConnection, settings: BackpressureSettings) {
    this.#sender = sender
    this.#connection = connection
    this.#settings = settings
  }

  /** The number of bytes kept by the policy 'latest'. */
  get keptBytes (): number {
    return this.#keptBytes
  }

  /** Whether the queue is over the limit, after passing to the kernel as much as it takes. */
  get isOverLimit (): boolean {
    const sender = this.#sender
    if (sender.queuedAmount <= this.#settings.limit) return false
    const { transport } = this.#connection
    transport.flushNow()
    if (sender.queuedAmount <= this.#settings.limit) return false
    transport.waitForPeer()
    return sender.queuedAmount > this.#settings.limit
  }

  /** Applies the policy to a message. Returns undefined if the message is to be sent now. */
  offer (message: Outgoing): SendResult | undefined {
    if (this.#isRefusing) {
      if (message.fin) this.#refuseFragments(false)
      return this.#reject(message)
    }
    const { protocol } = this.#connection
    if (this.#settings.policy === 'latest') {
      if (message.fin && !protocol.isSendingFragments) return this.#keepLatest(message)
      this.sendKept()
    }
    if (this.#calls.length === 0 && !this.isOverLimit) return undefined
    if (this.#settings.policy === 'close' || protocol.isSendingFragments) return this.#close(message)
    if (!message.fin) this.#refuseFragments(true)
    return this.#reject(message)
  }

  #refuseFragments (isRefusing: boolean): void {
    this.#isRefusing = isRefusing
    this.#sender.limit = isRefusing ? ALWAYS : limitOf(this.#settings)
  }

  #reject (message: Outgoing): SendResult {
    return this.#settings.policy === 'wait' ? this.#refuse(message) : this.#drop(message, this.#tooMuch())
  }

  #refuse ({ callback }: Outgoing): SendResult {
    return this.#sender.refuse(this.#tooMuch(), callback)
  }

  #tooMuch (): Error {
    return new BackpressureExceeded(this.#settings.limit)
  }

  #drop ({ data, isBinary, callback }: Outgoing, error: Error): SendResult {
    this.dropped++
    this.#sender.refuse(error, callback)
    this.#connection.notifyDrop(data instanceof PreparedMessage ? data.payload : data, isBinary)
    return 'refused'
  }

  // close

  #close (message: Outgoing): SendResult {
    const connection = this.#connection
    this.#refuse(message)
    connection.notifyTerminate(`more than ${this.#settings.limit} bytes are queued for the peer`)
    // The close frame waits for the peer too, up to closeTimeout. Free the memory now.
    connection.transport.dropWaiting()
    connection.close(TRY_AGAIN_LATER, 'too slow')
    return 'refused'
  }

  // latest

  #keepLatest (message: Outgoing): SendResult | undefined {
    const sender = this.#sender
    if (this.#kept.size === 0 && !this.#connection.transport.isStalled && !this.isOverLimit) return undefined
    const { kind } = message
    const previous = this.#kept.get(kind)
    const others = this.#keptBytes - (previous === undefined ? 0 : lengthOf(previous.data))
    if (others > 0 && others + sender.queuedAmount > this.#settings.limit) return this.#drop(message, this.#tooMuch())
    const { data, callback } = message
    // The caller may reuse its buffer.
    const own: Outgoing = {
      ...message,
      data: Buffer.isBuffer(data) ? Buffer.from(data) : data,
      callback: callback === undefined ? undefined : inCallersContext(callback)
    }
    // Delete first, so that the new message comes last.
    this.#kept.delete(kind)
    this.#kept.set(kind, own)
    this.#keptBytes = others + lengthOf(own.data)
    this.#releaseLater()
    if (previous !== undefined) this.#drop(previous, new MessageReplaced(JSON.stringify(kind)))
    return 'queued'
  }

  /** Sends the kept messages, the oldest first, until the peer is slow again. */
  #sendLatest (): void {
    const { transport } = this.#connection
    for (const [kind, message] of this.#kept) {
      this.#send(kind, message)
      transport.flushNow()
      if (transport.isStalled) break
    }
    if (this.#kept.size > 0) this.#releaseLater()
  }

  /** Sends all kept messages, before a close or a message in fragments. */
  sendKept (): void {
    for (const [kind, message] of this.#kept) this.#send(kind, message)
  }

  #send (kind: string, message: Outgoing): void {
    this.#kept.delete(kind)
    this.#keptBytes -= lengthOf(message.data)
    const sender = this.#sender
    const { data, isBinary, isCompressible, callback } = message
    if (!this.#connection.isOpen) {
      sender.refuseClosed(callback)
      return
    }
    try {
      if (data instanceof PreparedMessage) sender.transmitPrepared(data, callback)
      else sender.transmit(data, isBinary, true, isCompressible, callback)
    } catch (error) {
      // This protocol version cannot carry the message. send() has returned, so only 'drop' and the callback report it.
      this.#drop(message, error as Error)
    }
  }

  // wait

  /** Calls `run` when there is room for a message, or the socket closes; at once, unless the policy is 'wait'. */
  whenRoom<Data extends string | Buffer | Blob | PreparedMessage> (data: Data, run: (data: Data) => void): void {
    const { policy, limit } = this.#settings
    if (policy !== 'wait' || this.#callsBytes > limit || (this.#calls.length === 0 && !this.isOverLimit)) {
      run(data)
      return
    }
    // The caller may reuse its buffer.
    const own = Buffer.isBuffer(data) ? Buffer.from(data) as Data : data
    this.#wait(lengthOf(own), () => { run(own) })
  }

  #wait (length: number, run: () => void): void {
    this.#calls.push({ length, run })
    this.#callsBytes += length
    this.#sender.limit = ALWAYS
    this.#releaseLater()
  }

  #callWaiting (): void {
    const sender = this.#sender
    sender.limit = this.#settings.limit
    const waiting = this.#calls.splice(0)
    this.#callsBytes = 0
    while (waiting.length > 0 && (!this.#connection.isOpen || !this.isOverLimit)) (waiting.shift() as WaitingCall).run()
    for (const { length, run } of waiting) this.#wait(length, run)
  }

  /** Continues when the queue of the transport is empty, or the connection closes. */
  #releaseLater (): void {
    if (this.#isReleaseDue) return
    this.#isReleaseDue = true
    this.#sender.whenWritten(() => {
      this.#isReleaseDue = false
      if (this.#kept.size > 0) this.#sendLatest()
      if (this.#calls.length > 0) this.#callWaiting()
    })
  }
}

function lengthOf (data: string | Buffer | Blob | PreparedMessage): number {
  if (isBlob(data)) return data.size
  if (data instanceof PreparedMessage) return data.payload.length
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length
}
