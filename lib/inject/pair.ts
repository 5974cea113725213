import { Duplex } from 'node:stream'
import { nextTick } from '../timers.js'

/** The addresses of a connection. */
export interface Addresses {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
}

interface MemorySocketOptions extends Addresses {
  readonly encrypted: boolean
  /** Applied to written bytes before the other end reads them. */
  readonly transform: (bytes: Buffer) => Buffer
  /** The InjectContext, for `applyContext()`. */
  readonly context?: object
}

/** One end of an in-memory connection, with the properties of a net.Socket that servers and hooks use. */
export class MemorySocket extends Duplex {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly remoteFamily: string
  readonly localAddress: string
  readonly localPort: number
  readonly encrypted: boolean
  readonly context: object
  readonly #transform: MemorySocketOptions['transform']
  #peer: MemorySocket | undefined
  /** The write callback of the peer, called when this end has read the bytes. */
  #onRead: (() => void) | undefined

  constructor (options: MemorySocketOptions) {
    super()
    this.remoteAddress = options.remoteAddress
    this.remotePort = options.remotePort
    this.remoteFamily = options.remoteAddress.includes(':') ? 'IPv6' : 'IPv4'
    this.localAddress = options.localAddress
    this.localPort = options.localPort
    this.encrypted = options.encrypted
    this.context = options.context ?? {}
    this.#transform = options.transform
  }

  connect (peer: MemorySocket): void {
    this.#peer = peer
  }

  override _read (): void {
    const onRead = this.#onRead
    this.#onRead = undefined
    onRead?.()
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    // Like a network: the bytes are copied, and arrive after `write()` has returned.
    const bytes = this.#transform(Buffer.from(chunk))
    nextTick(() => { this.#push(this.#peer as MemorySocket, bytes, callback) })
  }

  #push (peer: MemorySocket, bytes: Buffer, callback: (error?: Error | null) => void): void {
    if (peer.destroyed) callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    else if (peer.push(bytes)) callback()
    else peer.#onRead = callback
  }

  override _final (callback: () => void): void {
    nextTick(() => { this.#endPeer() })
    callback()
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    this._read()
    nextTick(() => { this.#endPeer() })
    callback(error)
  }

  #endPeer (): void {
    const peer = this.#peer as MemorySocket
    if (!peer.destroyed) peer.push(null)
  }

  // Methods of net.Socket that do nothing in memory.

  setTimeout (): this { return this }
  setNoDelay (): this { return this }
  setKeepAlive (): this { return this }
  ref (): this { return this }
  unref (): this { return this }

  address (): { address: string, family: string, port: number } {
    return { address: this.localAddress, family: this.remoteFamily, port: this.localPort }
  }
}
