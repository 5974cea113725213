import { PreparedMessage } from '../codec/prepared-message.js'
import { MessageReplaced, BackpressureExceeded } from '../errors.js'
import { inCallersContext } from '../transport/async-context.js'
import type { Protocol } from '../protocol/protocol.js'
import type { Transport, WriteCallback } from '../transport/transport.js'
import { isBlob, type SendResult } from './sendable.js'

/** What is done with a message for a peer that reads slower than we send: see `backpressure` of the options. */
export type BackpressurePolicy = 'close' | 'drop' | 'latest' | 'wait'

export interface BackpressureSettings {
  /** Bytes that may wait for one peer; one message may go past it. */
  readonly limit: number
  readonly policy: BackpressurePolicy
}

/** A connection whose peer may be slow. */
export interface SlowConnection {
  readonly transport: Transport
  readonly protocol: Protocol
  readonly isOpen: boolean
  close (code: number, reason: string): void
  /** The socket is closed by this rule. */
  notifyTerminate (reason: string): void
  notifyDrop (data: string | Buffer, isBinary: boolean): void
}

/** The Sender as its Backpressure knows it. */
export interface SlowSender {
  /** From how many bytes on a message meets the backpressure. */
  limit: number
  /** Bytes that were sent and have not left. */
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

/** A message as it was handed to `send()`. */
export interface Outgoing {
  readonly data: string | Buffer | PreparedMessage
  readonly isBinary: boolean
  readonly fin: boolean
  readonly isCompressible: boolean
  readonly kind: string
  readonly callback: WriteCallback | undefined
}

interface Caller {
  readonly length: number
  readonly go: () => void
}

// RFC 6455 §7.4 leaves 1013 to the registry: "try again later".
const TRY_AGAIN_LATER = 1013

/** From which amount on the messages of a socket meet its Backpressure. Below it, a send costs one compare. */
export function limitOf (settings: BackpressureSettings | undefined): number {
  if (settings === undefined) return Infinity
  return settings.policy === 'latest' ? ALWAYS : settings.limit
}

const ALWAYS = -1

/**
 * What becomes of the messages for a slow peer. A socket has one from the first time that its limit is reached.
 *
 *                                 ┌── close ──▶ 1013, what waits is forgotten
 *   send() ── over the limit? ────┼── drop ───▶ refused, told by 'drop'
 *                                 └── wait ───▶ refused; sent() waits here ──── all has left ──▶ is sent
 *   send() ── stalled? ───────────── latest ──▶ kept, in place of the last of its kind ─────────▶ is sent
 *
 * A fragment cannot be taken out of a message that has begun to leave: then every policy closes.
 */
export class Backpressure {
  /** How many messages were dropped. */
  dropped = 0

  readonly #sender: SlowSender
  readonly #connection: SlowConnection
  readonly #settings: BackpressureSettings
  /** Whether the fragments that come belong to a message whose first one was refused. */
  #isRefusing = false
  readonly #kept = new Map<string, Outgoing>()
  #keptBytes = 0
  readonly #callers: Caller[] = []
  #callersBytes = 0
  #isReleaseDue = false

  constructor (sender: SlowSender, connection: SlowConnection, settings: BackpressureSettings) {
    this.#sender = sender
    this.#connection = connection
    this.#settings = settings
  }

  /** Bytes that wait here, and not in the transport. */
  get keptBytes (): number {
    return this.#keptBytes
  }

  /** Whether more waits than may. Whatever the kernel takes does not. */
  get isOver (): boolean {
    const sender = this.#sender
    if (sender.queuedAmount <= this.#settings.limit) return false
    const { transport } = this.#connection
    transport.flushNow()
    if (sender.queuedAmount <= this.#settings.limit) return false
    transport.waitForPeer()
    return sender.queuedAmount > this.#settings.limit
  }

  /** Says what became of a message; undefined when it is to be sent now. */
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
    if (this.#callers.length === 0 && !this.isOver) return undefined
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
    connection.notifyTerminate(`more than ${this.#settings.limit} bytes wait for the peer`)
    // The close frame waits for the peer as well: closeTimeout cuts the connection. The memory is given back now.
    connection.transport.dropWaiting()
    connection.close(TRY_AGAIN_LATER, 'too slow')
    return 'refused'
  }

  // latest

  #keepLatest (message: Outgoing): SendResult | undefined {
    const sender = this.#sender
    if (this.#kept.size === 0 && !this.#connection.transport.isStalled && !this.isOver) return undefined
    const { kind } = message
    const previous = this.#kept.get(kind)
    const others = this.#keptBytes - (previous === undefined ? 0 : lengthOf(previous.data))
    if (others > 0 && others + sender.queuedAmount > this.#settings.limit) return this.#drop(message, this.#tooMuch())
    const { data, callback } = message
    // Whoever sends bytes may use their memory again.
    const own: Outgoing = {
      ...message,
      data: Buffer.isBuffer(data) ? Buffer.from(data) : data,
      callback: callback === undefined ? undefined : inCallersContext(callback)
    }
    // Behind those of other kinds, as it is newer.
    this.#kept.delete(kind)
    this.#kept.set(kind, own)
    this.#keptBytes = others + lengthOf(own.data)
    this.#releaseLater()
    if (previous !== undefined) this.#drop(previous, new MessageReplaced(JSON.stringify(kind)))
    return 'queued'
  }

  /** Sends what is kept, the oldest first, until the peer is slow again. */
  #sendLatest (): void {
    const { transport } = this.#connection
    for (const [kind, message] of this.#kept) {
      this.#send(kind, message)
      transport.flushNow()
      if (transport.isStalled) break
    }
    if (this.#kept.size > 0) this.#releaseLater()
  }

  /** A close or a message in fragments begins: what is kept goes before it. */
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
      // This version cannot carry it, and send() has returned: only 'drop' and the callback say so.
      this.#drop(message, error as Error)
    }
  }

  // wait

  /** Calls back when there is room for a message, or at once where the policy is another; after the close too. */
  whenRoom<Data extends string | Buffer | Blob | PreparedMessage> (data: Data, go: (data: Data) => void): void {
    const { policy, limit } = this.#settings
    if (policy !== 'wait' || this.#callersBytes > limit || (this.#callers.length === 0 && !this.isOver)) {
      go(data)
      return
    }
    // As in #keepLatest().
    const own = Buffer.isBuffer(data) ? Buffer.from(data) as Data : data
    this.#wait(lengthOf(own), () => { go(own) })
  }

  #wait (length: number, go: () => void): void {
    this.#callers.push({ length, go })
    this.#callersBytes += length
    this.#sender.limit = ALWAYS
    this.#releaseLater()
  }

  #callWaiting (): void {
    const sender = this.#sender
    sender.limit = this.#settings.limit
    const waiting = this.#callers.splice(0)
    this.#callersBytes = 0
    while (waiting.length > 0 && (!this.#connection.isOpen || !this.isOver)) (waiting.shift() as Caller).go()
    for (const { length, go } of waiting) this.#wait(length, go)
  }

  // Once what waits in the transport has left, or never will.

  #releaseLater (): void {
    if (this.#isReleaseDue) return
    this.#isReleaseDue = true
    this.#sender.whenWritten(() => {
      this.#isReleaseDue = false
      if (this.#kept.size > 0) this.#sendLatest()
      if (this.#callers.length > 0) this.#callWaiting()
    })
  }
}

function lengthOf (data: string | Buffer | Blob | PreparedMessage): number {
  if (isBlob(data)) return data.size
  if (data instanceof PreparedMessage) return data.payload.length
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length
}
