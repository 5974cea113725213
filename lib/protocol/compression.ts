import { createDeflater, type Deflater } from '../deflate/deflate.js'
import { COMPRESSED, writeFrame, type Output } from '../codec/encoder.js'
import { createInflater, type Inflater } from '../deflate/inflate.js'
import type { PreparedMessage } from '../codec/prepared-message.js'
import { BINARY, TEXT } from '../codec/opcode.js'
import type { DeflateParameters, DeflateSettings } from '../deflate/settings.js'
import { TaskQueue } from './task-queue.js'

/**
 * What is sent on a connection that agreed on permessage-deflate (RFC 7692). A large message is compressed elsewhere,
 * and what is sent after it waits for its turn.
 */
export class Compression {
  readonly inflater: Inflater
  /** Payload bytes that are being compressed elsewhere, or wait behind such. */
  waiting = 0

  readonly #output: Output
  readonly #deflater: Deflater
  /** Whether others have the same deflater, so that what it makes of a message is theirs too. */
  readonly #isShared: boolean
  readonly #threshold: number
  readonly #outbox = new TaskQueue()
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
      this.#sendInTurn(payload, isOwn, (bytes) => { writeFrame(this.#output, opcode | COMPRESSED, true, this.#deflater.deflate(bytes), true) })
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

  /** Runs a task when all that was sent so far has been written: now, unless something is being compressed elsewhere. */
  inTurn (task: () => void): void {
    this.#outbox.run(task)
  }

  /** The conversation is over: what waits is not sent any more. */
  close (): void {
    this.#isClosed = true
    this.#deflater.close()
    this.inflater.close()
  }

  #sendInTurn (payload: Buffer, isOwn: boolean, write: (bytes: Buffer, isOwn: boolean) => void): void {
    if (!this.#outbox.isHeld) {
      write(payload, isOwn)
      return
    }
    // Whoever sends bytes may use their memory again at once.
    const bytes = isOwn ? payload : Buffer.from(payload)
    this.#wait(bytes.length, () => { write(bytes, true) })
  }

  #shareInTurn (frame: Buffer): void {
    if (this.#outbox.isHeld) this.#wait(frame.length, () => { this.#output.share(frame) })
    else this.#output.share(frame)
  }

  #wait (length: number, write: () => void): void {
    this.waiting += length
    this.#outbox.run(() => {
      this.waiting -= length
      if (!this.#isClosed) write()
    })
  }

  #sendLater (length: number, start: (done: (write: () => void) => void) => void): void {
    this.waiting += length
    this.#outbox.run(() => {
      this.#outbox.hold()
      start((write) => {
        this.waiting -= length
        if (!this.#isClosed) write()
        this.#outbox.release()
      })
    })
  }
}
