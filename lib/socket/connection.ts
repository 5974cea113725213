import {
  dropChannel, errorChannel, pingChannel, type Details, type ReportChannel, type SocketReport
} from '../diagnostics.js'
import type { Fault } from '../errors.js'
import { ABNORMAL } from '../protocol/close.js'
import type { Protocol, Sink } from '../protocol/protocol.js'
import { nextTick } from '../timers.js'
import { Transport, type TransportEvents } from '../transport/transport.js'
import type { WireSocketEvents } from './emitter.js'
import type { MonitoredSocket, Round } from './heartbeat.js'
import type { SocketInit, SocketSettings } from './init.js'
import { Lifecycle } from './lifecycle.js'
import type { SocketObserver } from './observer.js'
import { HANDLER_PENDING, INFLATING } from './reading.js'
import { Receiver, type ReceiverHost } from './receiver.js'
import type { BinaryType, MessageData } from './sendable.js'
import { Sender, type SendingConnection } from './sender.js'
import { isThenable } from './thenable.js'

/** The socket, as far as its connection uses it. */
export interface ConnectedSocket {
  readonly binaryType: BinaryType
  listenerCount (event: keyof WireSocketEvents): number
  emit<Event extends keyof WireSocketEvents> (event: Event, ...args: WireSocketEvents[Event]): boolean
}

/**
 * Connects the parts behind a socket.
 *
 *   stream ◀──▶ transport ◀──▶ protocol ──▶ receiver ──▶ listeners
 *                   ▲              ▲
 *                   └── sender ────┘◀── send()                 Lifecycle: from the open to the one 'close'
 */
export class Connection<Socket extends ConnectedSocket> extends Lifecycle
  implements Sink, TransportEvents, ReceiverHost, SendingConnection, MonitoredSocket {
  readonly settings: SocketSettings
  readonly observer: SocketObserver<Socket>
  /** Passed to the observer with the socket. */
  readonly context: unknown
  readonly transport: Transport
  readonly protocol: Protocol
  readonly sender: Sender
  readonly receiver: Receiver
  readonly #socket: Socket

  // The state of the heartbeat: see MonitoredSocket.
  hasReceived = false
  latency: number | undefined = undefined
  round: Round | undefined = undefined
  lastOutput = 0

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

  /** Runs the route's handler and starts reading. */
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

  /** Whether messages of the peer would be read. */
  get isReading (): boolean {
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

  /** Stops emitting messages. Further messages are queued up to a limit, then the peer has to wait. */
  pause (): void {
    if (!this.isEnded) this.receiver.pause()
  }

  resume (): void {
    this.receiver.resume()
    // Asynchronously, so that no message is emitted within this call.
    nextTick(notifyTaken, this)
  }

  // Lifecycle. Queued messages are delivered before 'close', as long as someone may still take them.

  protected override get isCloseHeld (): boolean {
    const { receiver } = this
    if (!receiver.isWaiting || receiver.isPulled) return false
    return receiver.isPaused || receiver.has(HANDLER_PENDING) || this.hasListener
  }

  protected override destroy (): void {
    this.transport.destroy()
  }

  protected override emitClose (): void {
    this.#emit('close', this.protocol.closeCode, this.protocol.closeReason)
  }

  // TransportEvents

  bytes (length: number): number {
    this.hasReceived = true
    try {
      return this.protocol.receive(length)
    } catch (error) {
      // This should never happen. If it does, the position in the stream is unknown.
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
    // After its close frame, a peer may reset the connection without reading our answer. That is no failure: the close
    // is clean once a close frame was received (RFC 6455 §7.1.4).
    if (this.protocol.closeCode === ABNORMAL) this.fault(error)
  }

  closed (): void {
    const { receiver, transport, protocol } = this
    receiver.stopRate()
    this.disconnect()
    if (protocol.state !== 'closed') {
      // A message received before the end is still being decompressed.
      if (receiver.has(INFLATING)) return
      if (!receiver.isFull && transport.receiveRest()) return
    }
    // Bytes that did not fit into the queue are lost with the connection.
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

  /** In the live subprotocol, a message that begins with NUL is a frame, so a plain message that does is wrapped. */
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
    // Don't emit heartbeat pongs: listeners expect replies to their own pings.
    if (this.settings.heartbeat?.acceptPong(this, data) === true) return
    this.#emit('pong', data)
  }

  fault (error: Fault | Error): void {
    if (errorChannel.hasSubscribers) this.publish(errorChannel, { error, source: 'peer' })
    this.#notify(() => { this.observer.onProtocolError?.(error, this.#socket, this.context) })
    // Without listeners, an 'error' would go to the error handler; the 'close' that follows is enough.
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

  // ReceiverHost

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

  // Notifications. Errors of the observer and of listeners go to `fail()`.

  publish<Report extends SocketReport> (channel: ReportChannel<Report>, details: Details<Report>): void {
    this.observer.publish?.(channel, details, this.#socket, this.context)
  }

  /** Call this before destroying the connection, or closing the socket, because of a limit or timeout. */
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

  /** Passes an error of the handler or of a listener to the error handler of the route. */
  fail (error: unknown): void {
    try {
      this.transport.inContext(() => { this.observer.onError(error, this.#socket, this.context) })
    } catch {
      // The error handler failed too.
      this.terminate()
    }
  }
}

function notifyTaken (connection: { readonly transport: Transport, onTaken (): void }): void {
  connection.transport.inContext(() => { connection.onTaken() })
}
