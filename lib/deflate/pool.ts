import { constants, type ZlibOptions } from 'node:zlib'
import { CorruptCompression, MessageTooBig, type Fault } from '../errors.js'
import { MOST_LAST_BLOCKS, TAIL, TAIL_AND_END, type ZlibStream } from './zlib.js'

export type DeflateCallback = (error: Error | undefined, compressed: Buffer) => void
export type InflateCallback = (fault: Fault | undefined, data: Buffer) => void

const NOTHING = Buffer.alloc(0)

// As many as the thread pool has threads by default. More would not be done sooner, and each holds a context.
const MOST_AT_ONCE = 4

let running = 0
const waiting: Array<() => void> = []

/** Starts a job now or when it is its turn. It must call `leavePool()` when it is done, never at once. */
export function enterPool (job: () => void): void {
  if (running === MOST_AT_ONCE) {
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
    // A stream that fails tells it by the event and by the callback.
    if (isDone) return
    isDone = true
    stream.off('error', settle)
    if (error != null) return done(error, NOTHING)
    stream.off('data', gather)
    done(undefined, Buffer.concat(pieces, length - TAIL.length))
  }
  stream.on('data', gather).on('error', settle)
  stream.write(payload)
  stream.flush(constants.Z_SYNC_FLUSH, settle)
}

/** What was done of a message before it went to the thread pool. */
export interface Beginning {
  readonly pieces: Buffer[]
  /** Bytes of the payload that were taken. */
  readonly at: number
}

type InflateJobCallback = (fault: Fault | undefined, data: Buffer, kept: ZlibStream | undefined) => void

/**
 * Decompresses a message in the thread pool. The payload must not change meanwhile.
 *
 *   payload and tail into the stream ──all taken──────────────────▶ done
 *        ▲                           ──a block was the last one───▶ more payload behind it? ──no──▶ done
 *        └───────── a new stream ◀──────────────────────────────────yes
 *                                    ──corrupt, over the limit────▶ fault
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
  #lastBlocks = 0

  /**
   * @param open for a stream to go on with behind a last block
   * @param keepsContext whether the stream lives on; `done` then gets the one to keep
   */
  constructor (open: (options: ZlibOptions) => ZlibStream, keepsContext: boolean, payload: Buffer, limit: number, done: InflateJobCallback) {
    this.#open = open
    this.#keepsContext = keepsContext
    this.#payload = payload
    this.#limit = limit
    this.#done = done
  }

  /** @param beginning what the stream has already done of the payload */
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
    else stream.end(TAIL_AND_END)
  }

  readonly #gather = (piece: Buffer): void => {
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length > this.#limit) this.#settle(new MessageTooBig(this.#limit))
  }

  // zlib takes nothing behind the last block of a stream, so a message that has one and more behind it needs another stream.
  readonly #endBlock = (): void => {
    const stream = this.#stream as ZlibStream
    const left = this.#payload.length - this.#at - (stream.bytesWritten - this.#takenBefore)
    if (left > 0 && ++this.#lastBlocks <= MOST_LAST_BLOCKS) {
      this.#leave().close()
      this.#at = this.#payload.length - left
      this.#feed(this.#open({}))
    } else {
      // Of what we put behind the payload all was taken, or nothing.
      this.#settle(left === 0 || left === -TAIL_AND_END.length ? undefined : new CorruptCompression())
    }
  }

  // The callback comes as well for a stream that failed or was left.
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
    this.#done(fault, fault === undefined ? Buffer.concat(this.#pieces, this.#length) : NOTHING, kept)
  }

  #leave (): ZlibStream {
    const stream = this.#stream as ZlibStream
    this.#stream = undefined
    return stream.off('data', this.#gather).off('end', this.#endBlock).off('error', this.#fail)
  }
}
