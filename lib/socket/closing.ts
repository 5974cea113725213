import { ABNORMAL } from '../protocol/close.js'
import type { Protocol } from '../protocol/protocol.js'
import { nextTick } from '../timers.js'
import type { Transport } from '../transport/transport.js'
import type { SocketSettings } from './init.js'
import { Notifier, type ConnectedSocket } from './notifier.js'
import { HANDLER_PENDING, INFLATING } from './reading.js'
import type { Receiver } from './receiver.js'
import type { Sender } from './sender.js'

/**
 * How a connection closes, in the states of Lifecycle:
 *
 *   close() ──▶ close frame ──▶ answer ──┐
 *   close frame or violation of the peer ┴─▶ end() ──▶ the stream closes ──▶ closed() ──▶ the one 'close'
 *   terminate(), or the close timer ───────────────────────▲
 *
 * This is a base class of Connection, because a separate object would cost memory for each idle socket.
 */
export abstract class Closing<Socket extends ConnectedSocket> extends Notifier<Socket> {
  abstract readonly settings: SocketSettings
  abstract readonly protocol: Protocol
  abstract readonly sender: Sender
  abstract readonly receiver: Receiver

  get isOpen (): boolean {
    return !this.isEnded && this.protocol.state === 'open'
  }

  get readyState (): 1 | 2 | 3 {
    if (this.isEnded) return 3
    return this.isOpen ? 1 : 2
  }

  /** The close code; undefined while more messages may arrive. */
  get endCode (): number | undefined {
    return this.isEnded ? this.protocol.closeCode : undefined
  }

  close (code: number | undefined, reason: string | Buffer | undefined): void {
    if (!this.isOpen) return
    this.sender.sendKept()
    this.protocol.close(code, reason)
    this.startClosing(this.settings.closeTimeout)
    this.receiver.startClosing()
  }

  override terminate (): void {
    this.receiver.discard()
    this.transport.destroy()
    this.protocol.abort()
    // If the stream is closed already, no event of it follows. Asynchronously, as the 'close' of a stream.
    if (this.isDisconnected && !this.isEnded) nextTick(notifyClosed, this)
  }

  // Of the Sink

  end (): void {
    this.startClosing(this.settings.closeTimeout)
    this.transport.end()
  }

  // Of the TransportEvents

  failed (error: Error): void {
    // After its close frame, a peer may reset the connection without reading our answer. That is no failure: the close
    // is clean once a close frame was received (RFC 6455 §7.1.4).
    if (this.protocol.closeCode === ABNORMAL) this.fault(error)
  }

  closed (): void {
    if (this.isEnded) return
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
    this.stopHeartbeat()
    this.notifyClose(protocol.closeCode, protocol.closeReason)
    receiver.end()
    this.tryEmitClose()
    if (!this.isClosed) receiver.holdClose()
  }

  protected abstract stopHeartbeat (): void

  // Of the Lifecycle. Queued messages are delivered before 'close', as long as someone may still take them.

  protected override get isCloseHeld (): boolean {
    const { receiver } = this
    if (!receiver.isWaiting || receiver.isPulled) return false
    return receiver.isPaused || receiver.has(HANDLER_PENDING) || this.hasListener
  }

  protected override destroy (): void {
    this.transport.destroy()
  }

  protected override emitClose (): void {
    this.emit('close', this.protocol.closeCode, this.protocol.closeReason)
  }
}

function notifyClosed (connection: { readonly transport: Transport, closed (): void }): void {
  connection.transport.inContext(() => { connection.closed() })
}
