import type { IncomingHttpHeaders } from 'node:http'
import { NotOpen } from '../errors.js'
import type { Version } from '../versions.js'
import type { PreparedMessage } from '../codec/prepared-message.js'
import type { Sendable } from '../socket/sendable.js'
import type { SocketObserver } from '../socket/observer.js'
import type { SendResult } from '../socket/sender.js'
import { open, WireSocket, type SendOptions } from '../socket/socket.js'
import type { WriteCallback } from '../transport/transport.js'
import type { MemorySocket } from './pair.js'
import { createProtocol } from '../protocol/create-protocol.js'
import { nextTick, timers } from '../timers.js'

const NO_LIMITS = { maxPayload: Number.MAX_SAFE_INTEGER, maxFragments: Number.MAX_SAFE_INTEGER }
const EMPTY = Buffer.alloc(0)

const SETTINGS = { closeTimeout: 10_000, directIO: false }

const OBSERVER: SocketObserver<WireSocket> = {
  // An exception in a listener is a failed assertion of a test, so it must stay uncaught.
  onError: (error) => { nextTick(() => { throw error }) },
  onClose: () => {}
}

/**
 * The client of an in-memory connection. It is a server socket, whose frames `Masking` turns into those of a client.
 */
export class InjectedSocket extends WireSocket {
  readonly #stream: MemorySocket
  #isConnecting = true
  /** Whether messages wait for listeners that the test adds after `await injectWS()`. */
  #isHeldBack = false

  constructor (stream: MemorySocket, url: string, version: Version) {
    super({
      stream,
      settings: SETTINGS,
      observer: OBSERVER,
      url,
      subprotocol: '',
      extensions: '',
      createProtocol: (sink, output) => createProtocol(version, sink, output, NO_LIMITS),
      context: undefined
    })
    this.#stream = stream
  }

  /**
   * Opens the socket after the server has accepted the handshake.
   * @param head the bytes that arrived after the head of the answer
   * @param proofLength the length of the body of the answer, which precedes the frames: 16 for hixie-76
   */
  accept (headers: IncomingHttpHeaders, head: Buffer, proofLength: number, opened: () => void): void {
    const stream = this.#stream
    const protocol = headers['sec-websocket-protocol'] ?? headers['websocket-protocol']
    if (protocol !== undefined) Object.assign(this, { protocol })
    let received = EMPTY
    const onData = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes])
      if (received.length < proofLength) return
      stream.off('data', onData)
      stream.pause()
      if (received.length > proofLength) stream.unshift(received.subarray(proofLength))
      this.#open(opened)
    }
    stream.on('data', onData)
    onData(head)
  }

  #open (opened: () => void): void {
    this.#isConnecting = false
    this.#isHeldBack = this.listenerCount('message') === 0
    if (this.#isHeldBack) super.pause()
    this[open](EMPTY, () => {
      this.emit('open')
      opened()
    })
    timers.setImmediate(() => { if (this.#isHeldBack) this.resume() })
  }

  override get readyState (): 0 | 1 | 2 | 3 {
    return this.#isConnecting ? this.CONNECTING : super.readyState
  }

  override get isPaused (): boolean {
    return super.isPaused && !this.#isHeldBack
  }

  override pause (): void {
    this.#isHeldBack = false
    super.pause()
  }

  override resume (): void {
    this.#isHeldBack = false
    super.resume()
  }

  // Before the handshake was answered, close() and terminate() destroy the connection, and injectWS() rejects.

  override close (code?: number, reason?: string | Buffer): void {
    if (this.#isConnecting) this.#stream.destroy()
    else super.close(code, reason)
  }

  override terminate (): void {
    if (this.#isConnecting) this.#stream.destroy()
    else super.terminate()
  }

  override send (
    data: Sendable | Blob | PreparedMessage, options?: SendOptions | WriteCallback | null, callback?: WriteCallback
  ): SendResult {
    if (!this.#isConnecting) return super.send(data, options, callback)
    const done = typeof options === 'function' ? options : callback
    const error = new NotOpen(this.readyState)
    // Without a callback, throwing is the only way to report it.
    if (done === undefined) throw error
    nextTick(done, error)
    return 'refused'
  }
}
