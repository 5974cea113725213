import type { Duplex } from 'node:stream'
import type { Output } from '../codec/encoder.js'

/** What a transport tells of its stream. */
export interface TransportEvents {
  /** Bytes of the peer; the buffer may be written to, and must not be kept. */
  bytes (bytes: Buffer): void
  /** The peer ended its side. */
  ended (): void
  /** What was queued has left. */
  drained (): void
  /** The stream is gone. Comes once. */
  closed (): void
}

export type WriteCallback = (error?: Error | null) => void

const SLAB_SIZE = 65_536
const NOTHING = Buffer.alloc(0)

// All transports write into one slab in turn: frames of one socket that follow each other lie side by side and leave
// as one write, and an idle socket owns no buffer.
let slab = Buffer.allocUnsafeSlow(SLAB_SIZE)
let slabUsed = 0

/**
 * A live stream after the 101. Everything written while a chunk of input is read leaves in one write when the chunk
 * is done, everything else at the end of the tick.
 */
export class Transport implements Output {
  chunk: Buffer = NOTHING
  #start = 0
  #end = 0
  #parts: Buffer[] = []
  #partsLength = 0
  #callbacks: WriteCallback[] = []
  #scheduled = false
  #reading = false
  #paused = false
  #ended = false
  readonly #stream: Duplex
  readonly #events: TransportEvents

  constructor (stream: Duplex, events: TransportEvents) {
    this.#stream = stream
    this.#events = events
  }

  /** Starts to read: first `head`, which came with the handshake, then the stream. */
  open (head: Buffer): void {
    const stream = this.#stream
    stream.on('end', () => { this.#events.ended() })
    stream.on('drain', () => { this.#events.drained() })
    stream.on('close', () => {
      this.#dropQueue()
      this.#events.closed()
    })
    stream.on('data', (bytes: Buffer) => { this.#receive(bytes) })
    // Waiting for the bytes behind a head may have paused it.
    if (!this.#paused) stream.resume()
    if (head.length > 0) this.#receive(head)
  }

  get stream (): Duplex {
    return this.#stream
  }

  /** Bytes queued that have not left. */
  get bufferedAmount (): number {
    return this.#partsLength + (this.#end - this.#start) + this.#stream.writableLength
  }

  reserve (length: number): number {
    if (this.chunk === slab && this.#end === slabUsed && slabUsed + length <= SLAB_SIZE) {
      this.#end = slabUsed += length
      return slabUsed - length
    }
    this.#closeRegion()
    if (length > SLAB_SIZE) {
      this.chunk = Buffer.allocUnsafeSlow(length)
      this.#start = 0
      this.#end = length
    } else {
      if (slabUsed + length > SLAB_SIZE) {
        slab = Buffer.allocUnsafeSlow(SLAB_SIZE)
        slabUsed = 0
      }
      this.chunk = slab
      this.#start = slabUsed
      this.#end = slabUsed += length
    }
    this.#schedule()
    return this.#start
  }

  append (bytes: Buffer): void {
    this.#closeRegion()
    this.#parts.push(bytes)
    this.#partsLength += bytes.length
    this.#schedule()
  }

  /** Calls back when all that is queued now has left, or with the error that kept it here. */
  whenWritten (callback: WriteCallback): void {
    this.#callbacks.push(callback)
    this.#schedule()
  }

  pause (): void {
    this.#paused = true
    this.#stream.pause()
  }

  resume (): void {
    this.#paused = false
    this.#stream.resume()
  }

  /** Sends what is queued and ends this side; what still arrives is read on. */
  end (): void {
    if (this.#ended) return
    this.#flush()
    this.#ended = true
    this.#stream.end()
    this.#stream.resume()
  }

  /** Cuts the connection: nothing queued is sent. */
  destroy (): void {
    this.#ended = true
    this.#dropQueue()
    this.#stream.destroy()
  }

  #receive (bytes: Buffer): void {
    this.#reading = true
    try {
      this.#events.bytes(bytes)
    } finally {
      this.#reading = false
      this.#flush()
    }
  }

  #schedule (): void {
    if (this.#scheduled || this.#reading) return
    this.#scheduled = true
    process.nextTick(flushLater, this)
  }

  /** The end of the tick has come. */
  flushScheduled (): void {
    this.#scheduled = false
    this.#flush()
  }

  #closeRegion (): void {
    if (this.#end > this.#start) {
      this.#parts.push(this.chunk.subarray(this.#start, this.#end))
      this.#partsLength += this.#end - this.#start
    }
    this.#start = this.#end = 0
    this.chunk = NOTHING
  }

  #flush (): void {
    this.#closeRegion()
    if (this.#ended) {
      this.#dropQueue()
      return
    }
    const parts = this.#parts
    const callback = this.#takeCallbacks()
    if (parts.length === 0) {
      // Only a wait: an empty write keeps its place in the stream's queue.
      if (callback !== undefined) this.#stream.write(NOTHING, callback)
      return
    }
    this.#parts = []
    this.#partsLength = 0
    const last = parts.length - 1
    if (last > 0) this.#stream.cork()
    for (let i = 0; i < last; i++) this.#stream.write(parts[i])
    this.#stream.write(parts[last], callback)
    if (last > 0) this.#stream.uncork()
  }

  #takeCallbacks (): WriteCallback | undefined {
    const callbacks = this.#callbacks
    if (callbacks.length === 0) return undefined
    this.#callbacks = []
    return (error) => { for (const callback of callbacks) callback(error) }
  }

  #dropQueue (): void {
    this.#closeRegion()
    this.#parts = []
    this.#partsLength = 0
    this.#takeCallbacks()?.(new Error('The connection closed before the data left'))
  }
}

function flushLater (transport: Transport): void {
  transport.flushScheduled()
}
