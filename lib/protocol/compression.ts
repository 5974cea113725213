import { createDeflater, type Deflater } from '../deflate/deflate.js'
import { COMPRESSED, writeFrame, type Output } from '../codec/encoder.js'
import { createInflater, type Inflater } from '../deflate/inflate.js'
import type { PreparedMessage } from '../codec/prepared-message.js'
import { BINARY, TEXT } from '../codec/opcode.js'
import type { DeflateParameters, DeflateSettings } from '../deflate/settings.js'
import { TaskQueue } from './task-queue.js'

/**
 * The sending side of a connection with permessage-deflate (RFC 7692). Large messages are compressed in the thread
 * pool; everything sent after one waits for it.
 */
export class Compression {
  readonly inflater: Inflater
  /** Payload bytes that are being compressed in the thread pool, or wait behind such a message. */
  waiting = 0

  readonly #output: Output
  readonly #deflater: Deflater
  /** Whether other connections use the same deflater, so its output can be shared with them. */
  readonly #isShared: boolean
  readonly #threshold: number
  readonly #tasks = new TaskQueue()
  #isClosed = false

  constructor (output: Output, parameters: DeflateParameters, settings: DeflateSettings) {
    this.#output = output
    this.#deflater = createDeflater(parameters, settings)
    this.inflater = createInflater(parameters)
    this.#isShared = parameters.serverNoContextTakeover
    this.#threshold = settings.threshold
  }

  /**
   * Sends one frame.
   * @param isCompressible whether it is a whole message that may be compressed
   * @returns the length of the payload in bytes
   */
  send (opcode: number, fin: boolean, data: string | Buffer, isCompressible: boolean): number {
    const isOwn = typeof data === 'string'
    const payload = isOwn ? Buffer.from(data) : data
    const { length } = payload
    if (!isCompressible || length < this.#threshold) {
      this.#sendInTurn(payload, isOwn, (bytes, isOwn) => { writeFrame(this.#output, opcode, fin, bytes, isOwn) })
    } else if (length <= this.#deflater.syncUpTo) {
      this.#sendInTurn(payload, isOwn, (bytes) => {
        writeFrame(this.#output, opcode | COMPRESSED, true, this.#deflater.deflate(bytes), true)
      })
    } else {
      const bytes = isOwn ? payload : Buffer.from(payload)
      this.#sendLater(length, (done) => {
        this.#deflater.deflateLater(bytes, (error, compressed) => {
          done(() => {
            if (error === undefined) writeFrame(this.#output, opcode | COMPRESSED, true, compressed, true)
            else writeFrame(this.#output, opcode, true, bytes, true)
          })
        })
      })
    }
    return length
  }

  sendMessage (message: PreparedMessage): void {
    const { isCompressible, payload: { length } } = message
    if (!isCompressible || length < this.#threshold) {
      this.#shareInTurn(message.frame)
    } else if (!this.#isShared) {
      this.send(message.isBinary ? BINARY : TEXT, true, message.payload, true)
    } else {
      const frame = message.compressedFrame(this.#deflater)
      if (frame !== undefined) {
        this.#shareInTurn(frame)
      } else {
        this.#sendLater(length, (done) => {
          message.compressLater(this.#deflater, (frame) => { done(() => { this.#output.share(frame) }) })
        })
      }
    }
  }

  /** Runs a task when everything sent so far is in the output: now, unless a message is in the thread pool. */
  whenOutput (task: () => void): void {
    this.#tasks.run(task)
  }

  /** Frees the contexts. Waiting messages are not sent anymore. */
  close (): void {
    this.#isClosed = true
    this.#deflater.close()
    this.inflater.close()
  }

  #sendInTurn (payload: Buffer, isOwn: boolean, write: (bytes: Buffer, isOwn: boolean) => void): void {
    if (!this.#tasks.isHeld) {
      write(payload, isOwn)
      return
    }
    // The caller may reuse its buffer at once.
    const bytes = isOwn ? payload : Buffer.from(payload)
    this.#sendAfterOthers(bytes.length, () => { write(bytes, true) })
  }

  #shareInTurn (frame: Buffer): void {
    if (this.#tasks.isHeld) this.#sendAfterOthers(frame.length, () => { this.#output.share(frame) })
    else this.#output.share(frame)
  }

  #sendAfterOthers (length: number, write: () => void): void {
    this.waiting += length
    this.#tasks.run(() => {
      this.waiting -= length
      if (!this.#isClosed) write()
    })
  }

  #sendLater (length: number, start: (done: (write: () => void) => void) => void): void {
    this.waiting += length
    this.#tasks.run(() => {
      this.#tasks.hold()
      start((write) => {
        this.waiting -= length
        if (!this.#isClosed) write()
        this.#tasks.release()
      })
    })
  }
}
