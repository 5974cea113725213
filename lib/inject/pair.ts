import { Duplex } from 'node:stream'
import { nextTick } from '../timers.js'

/** What a connection says of the other side. */
export interface Addresses {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
}

interface MemorySocketOptions extends Addresses {
  readonly encrypted: boolean
  /** Changes what is written on its way to the other side. */
  readonly transform: (bytes: Buffer) => Buffer
  /** What the requests of this connection are given, see `lendContext()`. */
  readonly context?: object
}

/** One end of a connection in memory, with as much of a net.Socket as servers and their hooks look at. */
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
  /** Lets the peer write on, when this side has read what came. */
  #proceed: (() => void) | undefined

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
    const proceed = this.#proceed
    this.#proceed = undefined
    proceed?.()
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    // A copy, as a network makes one, and later, as a network is: no listener runs inside the write that it hears of.
    const bytes = this.#transform(Buffer.from(chunk))
    nextTick(() => { this.#to(this.#peer as MemorySocket, bytes, callback) })
  }

  #to (peer: MemorySocket, bytes: Buffer, callback: (error?: Error | null) => void): void {
    if (peer.destroyed) callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    else if (peer.push(bytes)) callback()
    else peer.#proceed = callback
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

  // There is no clock and no kernel here.

  setTimeout (): this { return this }
  setNoDelay (): this { return this }
  setKeepAlive (): this { return this }
  ref (): this { return this }
  unref (): this { return this }

  address (): { address: string, family: string, port: number } {
    return { address: this.localAddress, family: this.remoteFamily, port: this.localPort }
  }
}
