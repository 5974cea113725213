import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib'
import { CompressionBusy } from '../errors.js'
import type { DeflateParameters, DeflateSettings } from './settings.js'
import { canRunZlib, openDeflateStream, SCRATCH, TAIL, ZlibContext, type ZlibStream } from './zlib.js'
import { deflateInPool, enterPool, leavePool, type DeflateCallback } from './pool.js'

/** Compresses outgoing messages (RFC 7692 §7.2.1). */
export interface Deflater {
  /** The largest payload for `deflate()`, in bytes; longer ones need `deflateLater()`. With -1, all of them do. */
  readonly syncUpTo: number
  /**
   * Compresses synchronously. The result belongs to the caller.
   * @throws CompressionBusy if the connection's own context is in use by `deflateLater()`
   */
  deflate (payload: Buffer): Buffer
  /**
   * Compresses in the thread pool and calls `done` once, even after `close()`. The payload must not change before. Call
   * it in the order in which the messages are sent, and with a context of its own for one message at a time.
   * @throws CompressionBusy
   */
  deflateLater (payload: Buffer, done: DeflateCallback): void
  /** Frees the connection's own context, once it is not in use. Do not use the deflater afterwards. */
  close (): void
}

/**
 * The largest payload compressed on the event loop, in bytes. At levels 1 to 3, 64 KiB of JSON take 0.2 to 0.5 ms and
 * 64 KiB of incompressible data 0.9 ms. Above level 3, the limit is half as large.
 */
export const DEFLATE_SYNC_UP_TO = 65_536
const DEFLATE_SYNC_UP_TO_ABOVE_LEVEL_3 = 32_768

// The empty message, compressed (§7.2.3.6). zlib writes nothing at all when it is flushed twice in a row.
const EMPTY = Buffer.from([0x00])

const shared = new Map<string, Deflater>()

/** Returns the compressor of a connection. Without context takeover, connections with the same parameters share one. */
export function createDeflater (
  parameters: DeflateParameters, settings: DeflateSettings, isRunnable: boolean = canRunZlib()
): Deflater {
  const { level, memLevel } = settings
  const options = { level, memLevel, windowBits: parameters.serverMaxWindowBits }
  const syncUpTo = level > 3 ? DEFLATE_SYNC_UP_TO_ABOVE_LEVEL_3 : DEFLATE_SYNC_UP_TO
  if (!parameters.serverNoContextTakeover) return new OwnDeflater(options, isRunnable ? syncUpTo : -1)
  const key = `${level} ${memLevel} ${options.windowBits} ${isRunnable}`
  let deflater = shared.get(key)
  if (deflater === undefined) shared.set(key, deflater = new SharedDeflater(options, syncUpTo, isRunnable))
  return deflater
}

class SharedDeflater implements Deflater {
  readonly syncUpTo: number
  readonly #options: ZlibOptions
  readonly #isRunnable: boolean
  #context: ZlibContext | undefined

  constructor (options: ZlibOptions, syncUpTo: number, isRunnable: boolean) {
    this.#options = options
    this.syncUpTo = syncUpTo
    this.#isRunnable = isRunnable
  }

  deflate (payload: Buffer): Buffer {
    if (payload.length === 0) return Buffer.from(EMPTY)
    if (!this.#isRunnable) {
      const compressed = deflateRawSync(payload, { ...this.#options, finishFlush: constants.Z_SYNC_FLUSH })
      return Buffer.from(compressed.subarray(0, -TAIL.length))
    }
    this.#context ??= ZlibContext.from(openDeflateStream(this.#options)) as ZlibContext
    // A full flush makes the compressor forget the message, so no later message can reveal it to another client.
    return deflateNow(this.#context, constants.Z_FULL_FLUSH, payload)
  }

  // Each job has its own context. For a payload of this size that costs little, and the shared context stays available.
  deflateLater (payload: Buffer, done: DeflateCallback): void {
    enterPool(() => {
      const stream = openDeflateStream(this.#options)
      deflateInPool(stream, payload, (error, compressed) => {
        leavePool()
        stream.close()
        done(error, compressed)
      })
    })
  }

  close (): void {}
}

class OwnDeflater implements Deflater {
  readonly syncUpTo: number
  readonly #options: ZlibOptions
  /** Created at first use. */
  #stream: ZlibStream | undefined
  #context: ZlibContext | undefined
  #isBusy = false
  #isClosed = false

  constructor (options: ZlibOptions, syncUpTo: number) {
    this.#options = options
    this.syncUpTo = syncUpTo
  }

  deflate (payload: Buffer): Buffer {
    if (this.#isBusy || this.syncUpTo < 0) throw new CompressionBusy()
    if (payload.length === 0) return Buffer.from(EMPTY)
    this.#context ??= ZlibContext.from(this.#open()) as ZlibContext
    return deflateNow(this.#context, constants.Z_SYNC_FLUSH, payload)
  }

  deflateLater (payload: Buffer, done: DeflateCallback): void {
    if (this.#isBusy) throw new CompressionBusy()
    this.#isBusy = true
    enterPool(() => {
      deflateInPool(this.#open(), payload, (error, compressed) => {
        leavePool()
        this.#isBusy = false
        if (this.#isClosed || error !== undefined) this.close()
        done(error, compressed)
      })
    })
  }

  close (): void {
    this.#isClosed = true
    if (this.#isBusy) return
    this.#stream?.close()
    this.#stream = undefined
    this.#context = undefined
  }

  #open (): ZlibStream {
    return (this.#stream ??= openDeflateStream(this.#options))
  }
}

// Compression cannot fail: zlib allocates all its memory when the context is created.
function deflateNow (context: ZlibContext, flush: number, payload: Buffer): Buffer {
  context.run(flush, payload, 0, payload.length, SCRATCH, 0)
  if (context.room > 0) return Buffer.from(SCRATCH.subarray(0, SCRATCH.length - context.room - TAIL.length))
  const pieces = []
  let length = 0
  for (;;) {
    const produced = SCRATCH.length - context.room
    pieces.push(Buffer.from(SCRATCH.subarray(0, produced)))
    length += produced
    if (context.room > 0) return Buffer.concat(pieces, length - TAIL.length)
    context.run(flush, payload, payload.length - context.left, context.left, SCRATCH, 0)
  }
}
