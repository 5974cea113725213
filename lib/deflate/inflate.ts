import { constants, inflateRawSync } from 'node:zlib'
import { EMPTY_PAYLOAD } from '../codec/payload.js'
import { CompressionBusy, CorruptCompression, MessageTooBig, type Fault } from '../errors.js'
import type { DeflateParameters } from './settings.js'
import {
  canRunZlib, MAX_FINAL_BLOCKS, openInflateStream, SCRATCH, TAIL, TAIL_AND_FINAL_BLOCK, ZlibContext, type ZlibStream
} from './zlib.js'
import { Beginning, enterPool, InflateJob, leavePool, type InflateCallback } from './pool.js'

/** Decompresses incoming messages (RFC 7692 §7.2.2). */
export interface Inflater {
  /**
   * Decompresses synchronously. The result belongs to the caller. It is undefined if the message is too large: call
   * `inflateLater()` next, with the same payload or a copy.
   * @throws MessageTooBig, CorruptCompression if the message is invalid: close the connection
   * @throws CompressionBusy if the connection's own context is in use by `inflateLater()`
   */
  inflate (payload: Buffer, limit: number): Buffer | undefined
  /**
   * Decompresses in the thread pool and calls `done` once, even after `close()`. Call it for a payload for which
   * `inflate()` returned undefined. The payload must not change before `done` is called. A connection's own context
   * takes one message at a time, in the order received.
   * @throws CompressionBusy
   */
  inflateLater (payload: Buffer, limit: number, done: InflateCallback): void
  /** Frees the connection's own context, once it is not in use. Do not use the inflater afterwards. */
  close (): void
}

/**
 * The largest payload decompressed on the event loop, in bytes. In the worst case, tiny blocks with a code table each,
 * it takes 1 ms, or 62 ns per byte. JSON takes 0.06 ms.
 */
export const INFLATE_SYNC_UP_TO = 16_384

/** The largest output decompressed on the event loop, in bytes. It takes 0.2 ms. */
export const INFLATE_SYNC_OUTPUT = 262_144

// The tail and one more byte. With Z_BLOCK, zlib stops between two blocks: it leaves just that byte if the message was
// complete.
const TAIL_AND_ZERO = Buffer.concat([TAIL, Buffer.from([0x00])])

const OUTPUT_IS_TOO_LARGE = 'ERR_BUFFER_TOO_LARGE'

const sharedInflaters = new Map<boolean, Inflater>()

/** Returns the decompressor of a connection. Without context takeover, all share one with the largest window. */
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
    if (payload.length === 0) return EMPTY_PAYLOAD
    if (payload.length > INFLATE_SYNC_UP_TO) return undefined
    if (!this.#isRunnable) return inflateWithoutContext(payload, limit)
    const context = this.#context ?? ZlibContext.from(openInflateStream({})) as ZlibContext
    // Keep the context only after a valid message, so an invalid one cannot affect the next.
    this.#context = undefined
    const data = inflateNow(context, payload, limit)
    context.reset()
    this.#context = context
    return data instanceof Beginning ? undefined : data
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
  /** Created at first use. */
  #stream: ZlibStream | undefined
  #context: ZlibContext | undefined
  /** The part of a large message that `inflate()` has decompressed. */
  #beginning: Beginning | undefined
  #isBusy = false
  #isClosed = false

  constructor (windowBits: number, isRunnable: boolean) {
    // A client limited to 8 bits may use 9, as zlib does (see lib/handshake/extensions.ts).
    const options = { windowBits: Math.max(9, windowBits) }
    this.#open = () => openInflateStream(options)
    this.#isRunnable = isRunnable
  }

  inflate (payload: Buffer, limit: number): Buffer | undefined {
    if (this.#isBusy) throw new CompressionBusy()
    if (payload.length === 0) return EMPTY_PAYLOAD
    if (payload.length > INFLATE_SYNC_UP_TO || !this.#isRunnable) return undefined
    this.#stream ??= this.#open()
    this.#context ??= ZlibContext.from(this.#stream) as ZlibContext
    try {
      const data = inflateNow(this.#context, payload, limit)
      if (!(data instanceof Beginning)) return data
      this.#beginning = data
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
      job.start(this.#stream ?? this.#open(), this.#beginning)
      this.#beginning = undefined
    })
  }

  close (): void {
    this.#isClosed = true
    if (this.#isBusy) return
    this.#beginning = undefined
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
 * Decompresses the payload, then the tail that the sender removed. If zlib leaves input although there is room for
 * output, it has read a final block: a message may contain one, with more blocks after it (§7.2.3.4).
 * @returns the message, or the beginning of a message that turned out to be too large for the event loop
 */
function inflateNow (context: ZlibContext, payload: Buffer, limit: number): Buffer | Beginning {
  const { length } = payload
  let pieces: Buffer[] | undefined
  let total = 0
  let at = 0
  let finalBlocks = 0
  for (;;) {
    if (!context.run(constants.Z_SYNC_FLUSH, payload, at, length - at, SCRATCH, 0)) throw new CorruptCompression()
    const { room, left } = context
    const produced = SCRATCH.length - room
    total += produced
    if (total > limit) throw refuse(context, new MessageTooBig('maxPayload', limit))
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
      if (++finalBlocks > MAX_FINAL_BLOCKS) throw refuse(context, new CorruptCompression())
      context.reset()
    }
    if (total > INFLATE_SYNC_OUTPUT) return new Beginning(pieces, at)
  }
}

/** Whether the message is complete: if so, zlib reads the tail after it as a new block. */
function endMessage (context: ZlibContext, end: number, room: number): boolean {
  const isValid = context.run(constants.Z_BLOCK, TAIL_AND_ZERO, 0, TAIL_AND_ZERO.length, SCRATCH, end)
  if (!isValid || context.room !== room) return false
  if (context.left === 1) return true
  // The message ended with a final block, so zlib read nothing. Reset the context for the next message.
  if (context.left !== TAIL_AND_ZERO.length) return false
  context.reset()
  return true
}

function refuse (context: ZlibContext, fault: Fault): Fault {
  context.close()
  return fault
}

// The fallback if contexts cannot be run synchronously: zlib creates one per call.
function inflateWithoutContext (payload: Buffer, limit: number): Buffer | undefined {
  const pieces: Buffer[] = []
  let total = 0
  let rest = Buffer.concat([payload, TAIL_AND_FINAL_BLOCK])
  for (;;) {
    const maxOutputLength = Math.max(1, Math.min(limit, INFLATE_SYNC_OUTPUT) - total)
    let done: { buffer: Buffer, engine: { bytesWritten: number } }
    try {
      // With `info`, the result includes the number of input bytes used.
      done = inflateRawSync(rest, { maxOutputLength, info: true }) as unknown as typeof done
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== OUTPUT_IS_TOO_LARGE) throw new CorruptCompression()
      if (limit > INFLATE_SYNC_OUTPUT) return undefined
      throw new MessageTooBig('maxPayload', limit)
    }
    total += done.buffer.length
    if (total > limit) throw new MessageTooBig('maxPayload', limit)
    pieces.push(done.buffer)
    rest = rest.subarray(done.engine.bytesWritten)
    if (rest.length === 0 || rest.length === TAIL_AND_FINAL_BLOCK.length) return Buffer.concat(pieces, total)
    if (rest.length < TAIL_AND_FINAL_BLOCK.length || pieces.length > MAX_FINAL_BLOCKS) throw new CorruptCompression()
  }
}
