import { pingChannel } from '../diagnostics.js'
import type { Protocol, Sink } from '../protocol/protocol.js'
import { nextTick } from '../timers.js'
import { Transport, type TransportEvents } from '../transport/transport.js'
import { Closing } from './closing.js'
import type { MonitoredSocket, Round } from './heartbeat.js'
import type { SocketInit, SocketSettings } from './init.js'
import type { ConnectedSocket } from './notifier.js'
import { HANDLER_PENDING, INFLATING } from './reading.js'
import { Receiver, type ReceiverHost } from './receiver.js'
import { Sender, type SendingConnection } from './sender.js'
import { isThenable } from './thenable.js'

/**
 * Connects the parts behind a socket.
 *
 *   stream ◀──▶ transport ◀──▶ protocol ──▶ receiver ──▶ listeners
 *                   ▲              ▲
 *                   └── sender ────┘◀── send()
 *
 * Its base classes are Closing (how it closes), Notifier (listeners and the observer) and Lifecycle (its states).
 */
export class Connection<Socket extends ConnectedSocket> extends Closing<Socket>
  implements Sink, TransportEvents, ReceiverHost, SendingConnection, MonitoredSocket {
  readonly settings: SocketSettings
  readonly transport: Transport
  readonly protocol: Protocol
  readonly sender: Sender
  readonly receiver: Receiver

  // The state of the heartbeat: see MonitoredSocket.
  hasReceived = false
  latency: number | undefined = undefined
  round: Round | undefined = undefined
  lastOutput = 0

  constructor (socket: Socket, init: SocketInit<Socket>) {
    super(socket, init)
    const { settings } = init
    this.settings = settings
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

  protected override stopHeartbeat (): void {
    this.settings.heartbeat?.remove(this)
  }

  #handlerSettled (): void {
    this.receiver.clear(HANDLER_PENDING)
    this.tryEmitClose()
  }

  /** Whether messages of the peer would be read. */
  get isReading (): boolean {
    return this.isOpen && !this.receiver.isStopped
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
    this.emit('drain')
  }

  // Sink

  message (data: Buffer, isBinary: boolean): boolean {
    return this.receiver.receive(data, isBinary)
  }

  takeFrame (data: Buffer): Buffer | undefined {
    const { topics } = this.settings
    return topics?.isLive(this.socket) === true ? topics.receiveFrame(this.socket, data) : data
  }

  /** In the live subprotocol, a message that begins with NUL is a frame, so a plain message that does is wrapped. */
  asFrame (payload: string | Buffer): string | Buffer {
    const { topics } = this.settings
    return topics?.isLive(this.socket) === true ? topics.wrap(payload) : payload
  }

  ping (data: Buffer): void {
    if (pingChannel.hasSubscribers) this.publish(pingChannel, { kind: 'ping', direction: 'in', data })
    this.emit('ping', data)
  }

  pong (data: Buffer): void {
    if (pingChannel.hasSubscribers) this.publish(pingChannel, { kind: 'pong', direction: 'in', data })
    // Don't emit heartbeat pongs: listeners expect replies to their own pings.
    if (this.settings.heartbeat?.acceptPong(this, data) === true) return
    this.emit('pong', data)
  }

  pauseInput (): void {
    this.receiver.stopReading(INFLATING)
  }

  resumeInput (): void {
    this.receiver.clear(INFLATING)
    if (this.isDisconnected) this.closed()
    else this.receiver.continueReading()
  }

  // ReceiverHost

  onTaken (): void {
    this.receiver.continueReading()
    this.tryEmitClose()
  }
}

function notifyTaken (connection: { readonly transport: Transport, onTaken (): void }): void {
  connection.transport.inContext(() => { connection.onTaken() })
}
