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
const NOTHING = Buffer.alloc(0)

const SETTINGS = { closeTimeout: 10_000, directIO: false }

const OBSERVER: SocketObserver<WireSocket> = {
  // What a listener throws is the failure of a test: nothing may contain it.
  onError: (error) => { nextTick(() => { throw error }) },
  onClose: () => {}
}

/**
 * The client's end of a conversation in memory: a socket like those of the server, since its frames get their mask on
 * the way.
 */
export class InjectedSocket extends WireSocket {
  readonly #stream: MemorySocket
  #isConnecting = true
  /** Whether what the server sent waits for the listeners that follow an await. */
  #isHeld = false

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
   * The server has accepted the handshake.
   * @param head what came behind the head of its answer
   * @param proofLength how many bytes of that belong to the answer
   */
  enter (headers: IncomingHttpHeaders, head: Buffer, proofLength: number, opened: () => void): void {
    const stream = this.#stream
    const protocol = headers['sec-websocket-protocol'] ?? headers['websocket-protocol']
    if (protocol !== undefined) Object.assign(this, { protocol })
    let answer = NOTHING
    const take = (bytes: Buffer): void => {
      answer = Buffer.concat([answer, bytes])
      if (answer.length < proofLength) return
      stream.off('data', take)
      stream.pause()
      if (answer.length > proofLength) stream.unshift(answer.subarray(proofLength))
      this.#enter(opened)
    }
    stream.on('data', take)
    take(head)
  }

  #enter (opened: () => void): void {
    this.#isConnecting = false
    this.#isHeld = this.listenerCount('message') === 0
    if (this.#isHeld) super.pause()
    this[open](NOTHING, () => {
      this.emit('open')
      opened()
    })
    timers.setImmediate(() => { if (this.#isHeld) this.resume() })
  }

  override get readyState (): 0 | 1 | 2 | 3 {
    return this.#isConnecting ? this.CONNECTING : super.readyState
  }

  override get isPaused (): boolean {
    return super.isPaused && !this.#isHeld
  }

  override pause (): void {
    this.#isHeld = false
    super.pause()
  }

  override resume (): void {
    this.#isHeld = false
    super.resume()
  }

  // Before the handshake is answered there is no conversation to close: the connection is cut, and injectWS() rejects.

  override close (code?: number, reason?: string | Buffer): void {
    if (this.#isConnecting) this.#stream.destroy()
    else super.close(code, reason)
  }

  override terminate (): void {
    if (this.#isConnecting) this.#stream.destroy()
    else super.terminate()
  }

  override send (data: Sendable | Blob | PreparedMessage, options?: SendOptions | WriteCallback | null, callback?: WriteCallback): SendResult {
    if (!this.#isConnecting) return super.send(data, options, callback)
    const done = typeof options === 'function' ? options : callback
    const error = new NotOpen(this.readyState)
    // Without a callback nobody would learn that it is lost.
    if (done === undefined) throw error
    nextTick(done, error)
    return 'refused'
  }
}
