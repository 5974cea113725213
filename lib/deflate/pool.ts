import { constants, type ZlibOptions } from 'node:zlib'
import { CorruptCompression, MessageTooBig, type Fault } from '../errors.js'
import { MAX_FINAL_BLOCKS, TAIL, TAIL_AND_FINAL_BLOCK, type ZlibStream } from './zlib.js'

export type DeflateCallback = (error: Error | undefined, compressed: Buffer) => void
export type InflateCallback = (fault: Fault | undefined, data: Buffer) => void

const EMPTY_BUFFER = Buffer.alloc(0)

// The default size of libuv's thread pool. More jobs would not finish sooner, and each holds a context.
const MAX_CONCURRENT_JOBS = 4

let running = 0
const waiting: Array<() => void> = []

/** Starts a job now, or when a place is free. The job must call `leavePool()` when it is done, asynchronously. */
export function enterPool (job: () => void): void {
  if (running === MAX_CONCURRENT_JOBS) {
    waiting.push(job)
  } else {
    running++
    job()
  }
}

export function leavePool (): void {
  const next = waiting.shift()
  if (next === undefined) running--
  else next()
}

/** Compresses a message in the thread pool. The payload must not change meanwhile. */
export function deflateInPool (stream: ZlibStream, payload: Buffer, done: DeflateCallback): void {
  const pieces: Buffer[] = []
  let length = 0
  const gather = (piece: Buffer): void => {
    pieces.push(piece)
    length += piece.length
  }
  let isDone = false
  const settle = (error?: Error | null): void => {
    // A failing stream both emits 'error' and calls the callback.
    if (isDone) return
    isDone = true
    stream.off('error', settle)
    if (error != null) return done(error, EMPTY_BUFFER)
    stream.off('data', gather)
    done(undefined, Buffer.concat(pieces, length - TAIL.length))
  }
  stream.on('data', gather).on('error', settle)
  stream.write(payload)
  stream.flush(constants.Z_SYNC_FLUSH, settle)
}

/** The part of a message that was decompressed before it went to the thread pool. */
export class Beginning {
  readonly pieces: Buffer[]
  /** The number of payload bytes decompressed. */
  readonly at: number

  constructor (pieces: Buffer[], at: number) {
    this.pieces = pieces
    this.at = at
  }
}

type InflateJobCallback = (fault: Fault | undefined, data: Buffer, kept: ZlibStream | undefined) => void

/**
 * Decompresses a message in the thread pool. The payload must not change meanwhile.
 *
 *   write payload and tail ─┬─ all bytes used ──────────────▶ done
 *      ▲                    ├─ corrupt, or over the limit ──▶ fault
 *      │                    └─ final block ──▶ more payload after it? ── no ──▶ done
 *      └─── new stream ◀─────────────────────────── yes
 */
export class InflateJob {
  readonly #open: (options: ZlibOptions) => ZlibStream
  readonly #keepsContext: boolean
  readonly #payload: Buffer
  readonly #limit: number
  readonly #done: InflateJobCallback
  #pieces: Buffer[] = []
  #length = 0
  #at = 0
  #stream: ZlibStream | undefined
  #takenBefore = 0
  #finalBlocks = 0

  /**
   * @param open opens the stream that continues after a final block
   * @param keepsContext whether to keep the stream for the next message; `done` gets it
   */
  constructor (
    open: (options: ZlibOptions) => ZlibStream, keepsContext: boolean, payload: Buffer, limit: number,
    done: InflateJobCallback
  ) {
    this.#open = open
    this.#keepsContext = keepsContext
    this.#payload = payload
    this.#limit = limit
    this.#done = done
  }

  /** @param beginning the part of the payload that the stream has already decompressed */
  start (stream: ZlibStream, beginning?: Beginning): void {
    if (beginning !== undefined) {
      this.#at = beginning.at
      this.#pieces = beginning.pieces
      for (const piece of beginning.pieces) this.#length += piece.length
    }
    this.#feed(stream)
  }

  #feed (stream: ZlibStream): void {
    this.#stream = stream
    this.#takenBefore = stream.bytesWritten
    stream.on('data', this.#gather).on('end', this.#endBlock).on('error', this.#fail)
    stream.write(this.#payload.subarray(this.#at))
    if (this.#keepsContext) stream.write(TAIL, () => this.#endMessage(stream))
    else stream.end(TAIL_AND_FINAL_BLOCK)
  }

  readonly #gather = (piece: Buffer): void => {
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length > this.#limit) this.#settle(new MessageTooBig('maxPayload', this.#limit))
  }

  // zlib ignores input after a final block, so a message with blocks after one needs another stream.
  readonly #endBlock = (): void => {
    const stream = this.#stream as ZlibStream
    const left = this.#payload.length - this.#at - (stream.bytesWritten - this.#takenBefore)
    if (left > 0 && ++this.#finalBlocks <= MAX_FINAL_BLOCKS) {
      this.#leave().close()
      this.#at = this.#payload.length - left
      this.#feed(this.#open({}))
    } else {
      // zlib must have used all bytes after the payload, or none of them.
      this.#settle(left === 0 || left === -TAIL_AND_FINAL_BLOCK.length ? undefined : new CorruptCompression())
    }
  }

  // Also called for a stream that failed or is not used anymore.
  #endMessage (stream: ZlibStream): void {
    if (this.#stream !== stream || stream.destroyed) return
    this.#settle(undefined, stream)
  }

  readonly #fail = (): void => {
    this.#settle(new CorruptCompression())
  }

  #settle (fault: Fault | undefined, kept?: ZlibStream): void {
    const stream = this.#leave()
    if (kept === undefined) stream.close()
    this.#done(fault, fault === undefined ? Buffer.concat(this.#pieces, this.#length) : EMPTY_BUFFER, kept)
  }

  #leave (): ZlibStream {
    const stream = this.#stream as ZlibStream
    this.#stream = undefined
    return stream.off('data', this.#gather).off('end', this.#endBlock).off('error', this.#fail)
  }
}
