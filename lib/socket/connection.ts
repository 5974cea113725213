import {
  dropChannel, errorChannel, pingChannel, type Details, type ReportChannel, type SocketReport
} from '../diagnostics.js'
import type { Fault } from '../errors.js'
import { ABNORMAL } from '../protocol/close.js'
import type { Protocol, Sink } from '../protocol/protocol.js'
import { nextTick } from '../timers.js'
import { Transport, type TransportEvents } from '../transport/transport.js'
import type { WireSocketEvents } from './emitter.js'
import type { Beating, Round } from './heartbeat.js'
import type { SocketInit, SocketSettings } from './init.js'
import { Lifecycle } from './lifecycle.js'
import type { SocketObserver } from './observer.js'
import { HANDLER_PENDING, INFLATING } from './reading.js'
import { Receiver, type Recipient } from './receiver.js'
import type { BinaryType, MessageData } from './sendable.js'
import { Sender, type SendingConnection } from './sender.js'
import { isThenable } from './thenable.js'

/** The socket as its connection knows it. */
export interface ConnectedSocket {
  readonly binaryType: BinaryType
  listenerCount (event: keyof WireSocketEvents): number
  emit<Event extends keyof WireSocketEvents> (event: Event, ...args: WireSocketEvents[Event]): boolean
}

/**
 * The parts behind a socket, and the wires between them.
 *
 *   stream ◀──▶ transport ◀──▶ protocol ──▶ receiver ──▶ listeners
 *                   ▲              ▲
 *                   └── sender ────┘◀── send()                 lifecycle: from the open to the one 'close'
 */
export class Connection<Socket extends ConnectedSocket> extends Lifecycle
  implements Sink, TransportEvents, Recipient, SendingConnection, Beating {
  readonly settings: SocketSettings
  readonly observer: SocketObserver<Socket>
  /** What the observer gets with the socket. */
  readonly context: unknown
  readonly transport: Transport
  readonly protocol: Protocol
  readonly sender: Sender
  readonly receiver: Receiver
  readonly #socket: Socket

  // What the heartbeat keeps here.
  isHeard = false
  latency: number | undefined = undefined
  round: Round | undefined = undefined
  mark = 0

  constructor (socket: Socket, init: SocketInit<Socket>) {
    super()
    const { settings } = init
    this.#socket = socket
    this.settings = settings
    this.observer = init.observer
    this.context = init.context
    this.sender = new Sender(this)
    this.receiver = new Receiver(this, settings.messageRate)
    this.transport = new Transport(init.stream, this, settings.directIO)
    this.protocol = init.createProtocol(this, this.transport)
  }

  /** Runs the route's handler, and starts to read. */
  open (head: Buffer, handler: () => unknown): void {
    let pending: Promise<unknown> | undefined
    try {
      const result = handler()
      if (isThenable(result)) pending = Promise.resolve(result)
    } catch (error) {
      this.fail(error)
    }
    if (pending === undefined) this.#handlerSettled()
    else pending.catch((error: unknown) => { this.fail(error) }).finally(() => { this.#handlerSettled() })
    this.settings.heartbeat?.add(this)
    this.transport.open(head, this.settings.directIO)
  }

  #handlerSettled (): void {
    this.receiver.clear(HANDLER_PENDING)
    this.tryEmitClose()
  }

  get isOpen (): boolean {
    return !this.isEnded && this.protocol.state === 'open'
  }

  get readyState (): 1 | 2 | 3 {
    if (this.isEnded) return 3
    return this.isOpen ? 1 : 2
  }

  /** Whether the peer could be heard if it spoke. */
  get isListening (): boolean {
    return this.isOpen && !this.receiver.isStopped
  }

  close (code: number | undefined, reason: string | Buffer | undefined): void {
    if (!this.isOpen) return
    this.sender.sendKept()
    this.protocol.close(code, reason)
    this.startClosing(this.settings.closeTimeout)
    this.receiver.startClosing()
  }

  terminate (): void {
    this.receiver.discard()
    this.transport.destroy()
    this.protocol.abort()
  }

  /** Stops the messages: what arrives waits, first here, then at the peer. */
  pause (): void {
    if (!this.isEnded) this.receiver.pause()
  }

  resume (): void {
    this.receiver.resume()
    // Later, so that no message comes within this call.
    nextTick(goOn, this)
  }

  // Lifecycle: what came before the close is delivered before it, while somebody may still ask for it.

  protected override get isCloseHeld (): boolean {
    const { receiver } = this
    if (!receiver.isWaiting || receiver.isPulled) return false
    return receiver.isPaused || receiver.has(HANDLER_PENDING) || this.hasListener
  }

  protected override cut (): void {
    this.transport.destroy()
  }

  protected override emitClose (): void {
    this.#emit('close', this.protocol.closeCode, this.protocol.closeReason)
  }

  // TransportEvents

  bytes (length: number): number {
    this.isHeard = true
    try {
      return this.protocol.receive(length)
    } catch (error) {
      // Nothing does throw here. If anything did, the place in the stream would be lost.
      this.fail(error)
      this.terminate()
      return length
    }
  }

  ended (): void {
    this.protocol.receiveEnd()
  }

  drained (): void {
    this.protocol.drained()
    this.#emit('drain')
  }

  failed (error: Error): void {
    // A peer may end the connection right behind its close and read nothing more: our answer then meets a reset, which
    // is no failure (RFC 6455 §7.1.4 has the close received, and that is all that 'clean' asks for).
    if (this.protocol.closeCode === ABNORMAL) this.fault(error)
  }

  closed (): void {
    const { receiver, transport, protocol } = this
    receiver.stopRate()
    this.disconnect()
    if (protocol.state !== 'closed') {
      // A message that came before the end is still to be delivered.
      if (receiver.has(INFLATING)) return
      if (!receiver.isFull && transport.receiveRest()) return
    }
    // What nobody had room for is lost with the connection.
    transport.dropRest()
    this.finish()
    protocol.receiveEnd()
    this.stopCloseTimer()
    this.settings.heartbeat?.remove(this)
    const { closeCode, closeReason } = protocol
    this.#notify(() => { this.observer.onClose(this.#socket, closeCode, closeReason, this.context) })
    receiver.end()
    this.tryEmitClose()
    if (!this.isClosed) receiver.holdClose()
  }

  // Sink

  message (data: Buffer, isBinary: boolean): boolean {
    return this.receiver.receive(data, isBinary)
  }

  takeFrame (data: Buffer): Buffer | undefined {
    const { topics } = this.settings
    return topics?.isLive(this.#socket) === true ? topics.receiveFrame(this.#socket, data) : data
  }

  /** To a client that speaks the live subprotocol, what begins with NUL is a frame: what is none goes inside one. */
  asFrame (payload: string | Buffer): string | Buffer {
    const { topics } = this.settings
    return topics?.isLive(this.#socket) === true ? topics.wrap(payload) : payload
  }

  ping (data: Buffer): void {
    if (pingChannel.hasSubscribers) this.publish(pingChannel, { kind: 'ping', direction: 'in', data })
    this.#emit('ping', data)
  }

  pong (data: Buffer): void {
    if (pingChannel.hasSubscribers) this.publish(pingChannel, { kind: 'pong', direction: 'in', data })
    // Answers to the heartbeat are not emitted: listeners wait for the answers to pings of the application.
    if (this.settings.heartbeat?.isAnswer(this, data) === true) return
    this.#emit('pong', data)
  }

  fault (error: Fault | Error): void {
    if (errorChannel.hasSubscribers) this.publish(errorChannel, { error, source: 'peer' })
    this.#notify(() => { this.observer.onProtocolError?.(error, this.#socket, this.context) })
    // An 'error' that nobody listens to would be thrown; the close that follows says enough.
    if (this.#socket.listenerCount('error') > 0) this.#emit('error', error)
  }

  pauseInput (): void {
    this.receiver.stopReading(INFLATING)
  }

  resumeInput (): void {
    this.receiver.clear(INFLATING)
    if (this.isDisconnected) this.closed()
    else this.receiver.continueReading()
  }

  end (): void {
    this.startClosing(this.settings.closeTimeout)
    this.transport.end()
  }

  // Recipient

  get binaryType (): BinaryType {
    return this.#socket.binaryType
  }

  get hasListener (): boolean {
    return this.#socket.listenerCount('message') > 0
  }

  get endCode (): number | undefined {
    return this.isEnded ? this.protocol.closeCode : undefined
  }

  emitMessage (data: MessageData, isBinary: boolean): void {
    this.#emit('message', data, isBinary)
  }

  onTaken (): void {
    this.receiver.continueReading()
    this.tryEmitClose()
  }

  onDiscard (): void {
    this.#notify(() => { this.observer.onDiscard?.(this.#socket, this.context) })
  }

  // What the observer and the listeners see. Nothing that they throw, or reject with, passes the socket.

  publish<Report extends SocketReport> (channel: ReportChannel<Report>, details: Details<Report>): void {
    this.observer.publish?.(channel, details, this.#socket, this.context)
  }

  /** A rule of ours is about to cut the connection, or to close the socket. */
  notifyTerminate (reason: string): void {
    this.#notify(() => { this.observer.onTerminate?.(reason, this.#socket, this.context) })
  }

  notifyDrop (data: string | Buffer, isBinary: boolean): void {
    if (dropChannel.hasSubscribers) this.publish(dropChannel, { data, isBinary })
    this.transport.inContext(() => { this.#emit('drop', data, isBinary) })
  }

  #emit<K extends keyof WireSocketEvents> (event: K, ...args: WireSocketEvents[K]): void {
    try {
      this.#socket.emit<keyof WireSocketEvents>(event, ...args)
    } catch (error) {
      this.fail(error)
    }
  }

  #notify (notification: () => void): void {
    try {
      this.transport.inContext(notification)
    } catch (error) {
      this.fail(error)
    }
  }

  /** The handler or a listener threw this, or rejected with it. */
  fail (error: unknown): void {
    try {
      this.transport.inContext(() => { this.observer.onError(error, this.#socket, this.context) })
    } catch {
      // Nobody is left who could handle it.
      this.terminate()
    }
  }
}

function goOn (connection: { readonly transport: Transport, onTaken (): void }): void {
  connection.transport.inContext(() => { connection.onTaken() })
}
