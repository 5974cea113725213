import { constants, inflateRawSync } from 'node:zlib'
import { CompressionBusy, CorruptCompression, MessageTooBig, type Fault } from '../errors.js'
import type { DeflateParameters } from './settings.js'
import { canRunZlib, MOST_LAST_BLOCKS, openInflateStream, SCRATCH, TAIL, TAIL_AND_END, ZlibContext, type ZlibStream } from './zlib.js'
import { enterPool, InflateJob, leavePool, type Beginning, type InflateCallback } from './pool.js'

/** Decompresses the messages that are received (RFC 7692 §7.2.2). */
export interface Inflater {
  /**
   * Decompresses on the spot. What is returned belongs to the caller; undefined means that the message is too large
   * to be done now: give `inflateLater()` the same payload, or a copy, next. A kept context throws while a job is in it.
   * @throws MessageTooBig, CorruptCompression, which end the conversation; CompressionBusy
   */
  inflate (payload: Buffer, limit: number): Buffer | undefined
  /**
   * Decompresses in the thread pool what `inflate()` has just found too large. The payload must not change until `done` is called, which happens once, and after
   * `close()` too. One message at a time for a context that is kept, in the order in which they came.
   * @throws CompressionBusy
   */
  inflateLater (payload: Buffer, limit: number, done: InflateCallback): void
  /** Frees the context, if it is the connection's own, as soon as no job is in it. Nothing may be asked afterwards. */
  close (): void
}

/**
 * Where the thread pool takes over, in bytes of payload: what is made to be slow, tiny blocks with a code table each,
 * takes 62 ns of the loop for each byte, 1 ms for so many. JSON takes 0.06 ms.
 */
export const INFLATE_SYNC_UP_TO = 16_384

/** Where the thread pool takes over, in bytes of output: 0.2 ms of the loop. */
export const INFLATE_SYNC_OUTPUT = 262_144

const NOTHING = Buffer.alloc(0)

// The tail and one byte more. Told to stop between two blocks, zlib leaves just that byte where the message was whole.
const TAIL_AND_MORE = Buffer.concat([TAIL, Buffer.from([0x00])])

const OUTPUT_IS_TOO_LARGE = 'ERR_BUFFER_TOO_LARGE'

/** A message that has become too large to be done on the spot. */
class Unfinished implements Beginning {
  readonly pieces: Buffer[]
  readonly at: number

  constructor (pieces: Buffer[], at: number) {
    this.pieces = pieces
    this.at = at
  }
}

const sharedInflaters = new Map<boolean, Inflater>()

/** The decompressor of a connection. Without context takeover it is one for the whole process: its window fits every client. */
export function createInflater (parameters: DeflateParameters, isRunnable: boolean = canRunZlib()): Inflater {
  if (!parameters.clientNoContextTakeover) return new OwnInflater(parameters.clientMaxWindowBits, isRunnable)
  let inflater = sharedInflaters.get(isRunnable)
  if (inflater === undefined) sharedInflaters.set(isRunnable, inflater = new SharedInflater(isRunnable))
  return inflater
}

class SharedInflater implements Inflater {
  readonly #isRunnable: boolean
  #context: ZlibContext | undefined

  constructor (isRunnable: boolean) {
    this.#isRunnable = isRunnable
  }

  inflate (payload: Buffer, limit: number): Buffer | undefined {
    if (payload.length === 0) return NOTHING
    if (payload.length > INFLATE_SYNC_UP_TO) return undefined
    if (!this.#isRunnable) return inflateWithoutContext(payload, limit)
    const context = this.#context ?? ZlibContext.from(openInflateStream({})) as ZlibContext
    // It comes back only from a message that was well: one that was not cannot harm the next.
    this.#context = undefined
    const data = inflateNow(context, payload, limit)
    context.reset()
    this.#context = context
    return data instanceof Unfinished ? undefined : data
  }

  inflateLater (payload: Buffer, limit: number, done: InflateCallback): void {
    enterPool(() => {
      const job = new InflateJob(openInflateStream, false, payload, limit, (fault, data) => {
        leavePool()
        done(fault, data)
      })
      job.start(openInflateStream({}))
    })
  }

  close (): void {}
}

class OwnInflater implements Inflater {
  readonly #isRunnable: boolean
  readonly #open: () => ZlibStream
  /** Made at first use. */
  #stream: ZlibStream | undefined
  #context: ZlibContext | undefined
  /** What `inflate()` has done of a message that is too large for it. */
  #unfinished: Unfinished | undefined
  #isBusy = false
  #isClosed = false

  constructor (windowBits: number, isRunnable: boolean) {
    // A sender that was held to 8 bits may use 9: zlib does (see lib/handshake/extensions.ts).
    const options = { windowBits: Math.max(9, windowBits) }
    this.#open = () => openInflateStream(options)
    this.#isRunnable = isRunnable
  }

  inflate (payload: Buffer, limit: number): Buffer | undefined {
    if (this.#isBusy) throw new CompressionBusy()
    if (payload.length === 0) return NOTHING
    if (payload.length > INFLATE_SYNC_UP_TO || !this.#isRunnable) return undefined
    this.#stream ??= this.#open()
    this.#context ??= ZlibContext.from(this.#stream) as ZlibContext
    try {
      const data = inflateNow(this.#context, payload, limit)
      if (!(data instanceof Unfinished)) return data
      this.#unfinished = data
      return undefined
    } catch (fault) {
      this.#keep(undefined)
      throw fault
    }
  }

  inflateLater (payload: Buffer, limit: number, done: InflateCallback): void {
    if (this.#isBusy) throw new CompressionBusy()
    this.#isBusy = true
    enterPool(() => {
      const job = new InflateJob(this.#open, true, payload, limit, (fault, data, stream) => {
        leavePool()
        this.#isBusy = false
        this.#keep(stream)
        if (this.#isClosed) this.close()
        done(fault, data)
      })
      job.start(this.#stream ?? this.#open(), this.#unfinished)
      this.#unfinished = undefined
    })
  }

  close (): void {
    this.#isClosed = true
    if (this.#isBusy) return
    this.#unfinished = undefined
    this.#stream?.close()
    this.#keep(undefined)
  }

  #keep (stream: ZlibStream | undefined): void {
    if (stream === this.#stream) return
    this.#stream = stream
    this.#context = undefined
  }
}

/**
 * The payload, then what the sender cut off. Nothing but a last block makes zlib leave input where it has room for
 * output (§7.2.3.4: a message may have one, and blocks behind it, which begin anew).
 */
function inflateNow (context: ZlibContext, payload: Buffer, limit: number): Buffer | Unfinished {
  const { length } = payload
  let pieces: Buffer[] | undefined
  let total = 0
  let at = 0
  let lastBlocks = 0
  for (;;) {
    if (!context.run(constants.Z_SYNC_FLUSH, payload, at, length - at, SCRATCH, 0)) throw new CorruptCompression()
    const { room, left } = context
    const produced = SCRATCH.length - room
    total += produced
    if (total > limit) throw refuse(context, new MessageTooBig(limit))
    if (room > 0 && left === 0) {
      if (!endMessage(context, produced, room)) throw refuse(context, new CorruptCompression())
      const last = Buffer.from(SCRATCH.subarray(0, produced))
      if (pieces === undefined) return last
      pieces.push(last)
      return Buffer.concat(pieces, total)
    }
    pieces ??= []
    pieces.push(Buffer.from(SCRATCH.subarray(0, produced)))
    at = length - left
    if (room > 0) {
      if (++lastBlocks > MOST_LAST_BLOCKS) throw refuse(context, new CorruptCompression())
      context.reset()
    }
    if (total > INFLATE_SYNC_OUTPUT) return new Unfinished(pieces, at)
  }
}

/** Whether the message is whole: its last block is, so that what we put behind it is read as the start of another. */
function endMessage (context: ZlibContext, end: number, room: number): boolean {
  const isValid = context.run(constants.Z_BLOCK, TAIL_AND_MORE, 0, TAIL_AND_MORE.length, SCRATCH, end)
  if (!isValid || context.room !== room) return false
  if (context.left === 1) return true
  // A last block at the very end: nothing was taken, and the next message begins anew.
  if (context.left !== TAIL_AND_MORE.length) return false
  context.reset()
  return true
}

function refuse (context: ZlibContext, fault: Fault): Fault {
  context.close()
  return fault
}

// Where contexts cannot be run on the spot. zlib makes one for each call.
function inflateWithoutContext (payload: Buffer, limit: number): Buffer | undefined {
  const pieces: Buffer[] = []
  let total = 0
  let rest = Buffer.concat([payload, TAIL_AND_END])
  for (;;) {
    const maxOutputLength = Math.max(1, Math.min(limit, INFLATE_SYNC_OUTPUT) - total)
    let done: { buffer: Buffer, engine: { bytesWritten: number } }
    try {
      // With `info` it tells how much it took.
      done = inflateRawSync(rest, { maxOutputLength, info: true }) as unknown as typeof done
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== OUTPUT_IS_TOO_LARGE) throw new CorruptCompression()
      if (limit > INFLATE_SYNC_OUTPUT) return undefined
      throw new MessageTooBig(limit)
    }
    total += done.buffer.length
    if (total > limit) throw new MessageTooBig(limit)
    pieces.push(done.buffer)
    rest = rest.subarray(done.engine.bytesWritten)
    if (rest.length === 0 || rest.length === TAIL_AND_END.length) return Buffer.concat(pieces, total)
    if (rest.length < TAIL_AND_END.length || pieces.length > MOST_LAST_BLOCKS) throw new CorruptCompression()
  }
}
