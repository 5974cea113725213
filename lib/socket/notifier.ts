import { dropChannel, errorChannel, type Details, type ReportChannel, type SocketReport } from '../diagnostics.js'
import type { Fault } from '../errors.js'
import type { Transport } from '../transport/transport.js'
import type { WireSocketEvents } from './emitter.js'
import type { SocketInit } from './init.js'
import { Lifecycle } from './lifecycle.js'
import type { SocketObserver } from './observer.js'
import type { BinaryType, MessageData } from './sendable.js'

/** The socket, as far as its connection uses it. */
export interface ConnectedSocket {
  readonly binaryType: BinaryType
  listenerCount (event: keyof WireSocketEvents): number
  emit<Event extends keyof WireSocketEvents> (event: Event, ...args: WireSocketEvents[Event]): boolean
}

/**
 * Notifies the listeners of a socket and the observer of its route. An exception of either goes to `fail()`.
 *
 *   emit() ────▶ listeners ──┬── exception ──▶ fail() ──▶ error handler of the route ── exception ──▶ terminate()
 *   notify() ──▶ observer ───┘
 *
 * This is a base class of Connection, because a separate object would cost memory for each idle socket.
 */
export abstract class Notifier<Socket extends ConnectedSocket> extends Lifecycle {
  abstract readonly transport: Transport
  readonly observer: SocketObserver<Socket>
  /** Passed to the observer with the socket. */
  readonly context: unknown
  protected readonly socket: Socket

  constructor (socket: Socket, { observer, context }: SocketInit<Socket>) {
    super()
    this.observer = observer
    this.context = context
    this.socket = socket
  }

  // Listeners

  get binaryType (): BinaryType {
    return this.socket.binaryType
  }

  /** Whether 'message' has a listener. */
  get hasListener (): boolean {
    return this.socket.listenerCount('message') > 0
  }

  emitMessage (data: MessageData, isBinary: boolean): void {
    this.emit('message', data, isBinary)
  }

  protected emit<Event extends keyof WireSocketEvents> (event: Event, ...args: WireSocketEvents[Event]): void {
    try {
      this.socket.emit<keyof WireSocketEvents>(event, ...args)
    } catch (error) {
      this.fail(error)
    }
  }

  // The observer

  publish<Report extends SocketReport> (channel: ReportChannel<Report>, details: Details<Report>): void {
    this.observer.publish?.(channel, details, this.socket, this.context)
  }

  /** Call this before destroying or closing a connection whose peer does not answer, or does not read. */
  notifyTerminate (reason: string): void {
    this.notify(() => { this.observer.onTerminate?.(reason, this.socket, this.context) })
  }

  protected notifyClose (code: number, reason: Buffer): void {
    this.notify(() => { this.observer.onClose(this.socket, code, reason, this.context) })
  }

  onDiscard (): void {
    this.notify(() => { this.observer.onDiscard?.(this.socket, this.context) })
  }

  protected notify (notification: () => void): void {
    try {
      this.transport.inContext(notification)
    } catch (error) {
      this.fail(error)
    }
  }

  // Both

  notifyDrop (data: string | Buffer, isBinary: boolean): void {
    if (dropChannel.hasSubscribers) this.publish(dropChannel, { data, isBinary })
    this.transport.inContext(() => { this.emit('drop', data, isBinary) })
  }

  fault (error: Fault | Error): void {
    if (errorChannel.hasSubscribers) this.publish(errorChannel, { error, source: 'peer' })
    this.notify(() => { this.observer.onProtocolError?.(error, this.socket, this.context) })
    // Without listeners, an 'error' would go to the error handler; the 'close' that follows is enough.
    if (this.socket.listenerCount('error') > 0) this.emit('error', error)
  }

  // Failures

  /** Passes an error of the handler or of a listener to the error handler of the route. */
  fail (error: unknown): void {
    try {
      this.transport.inContext(() => { this.observer.onError(error, this.socket, this.context) })
    } catch {
      // The error handler failed too.
      this.terminate()
    }
  }

  /** Destroys the connection at once. */
  abstract terminate (): void
}
