import type { Duplex } from 'node:stream'
import { createDeflateRaw, createInflateRaw, constants, type DeflateRaw, type InflateRaw } from 'node:zlib'
import { CLOSE, CONTINUATION, isControl, isReserved } from '../../lib/codec/opcode.js'
import { clientFrame } from '../fixtures/frames.js'
import { turn } from '../fixtures/memory.js'
import type { Message } from './case.js'

const TAIL = Buffer.from('0000ffff', 'hex')

/** How long a peer waits for a silent server. No case that passes takes as long. */
const TIMEOUT = 60_000

/** Compresses or decompresses messages of a client with Node's zlib. */
class ClientZlib {
  readonly #stream: DeflateRaw | InflateRaw
  readonly #keepsContext: boolean
  #pieces: Buffer[] = []
  #error: Error | undefined

  constructor (stream: DeflateRaw | InflateRaw, keepsContext: boolean) {
    this.#stream = stream
    this.#keepsContext = keepsContext
    stream.on('data', (piece: Buffer) => { this.#pieces.push(piece) })
    stream.on('error', (error) => { this.#error = error })
  }

  async run (...inputs: Buffer[]): Promise<Buffer> {
    for (const input of inputs) this.#stream.write(input)
    await new Promise<void>((resolve, reject) => {
      this.#stream.once('error', reject)
      this.#stream.flush(constants.Z_SYNC_FLUSH, () => {
        this.#stream.off('error', reject)
        resolve()
      })
    })
    if (this.#error !== undefined) throw this.#error
    const output = Buffer.concat(this.#pieces)
    this.#pieces = []
    if (!this.#keepsContext) this.#stream.reset()
    return output
  }

  close (): void {
    this.#stream.close()
  }
}

interface Frame {
  readonly opcode: number
  readonly fin: boolean
  readonly isCompressed: boolean
  readonly payload: Buffer
}

/**
 * A client over any stream that accepts nothing illegal: a frame that a server must not send is an error.
 */
export class StrictPeer {
  readonly #stream: Duplex
  readonly #deflate: ClientZlib | undefined
  readonly #inflate: ClientZlib | undefined
  #pieces: Buffer[] = []
  #length = 0
  #hasEnded = false
  #failure: Error | undefined
  #wake: () => void = () => {}

  /** @param extensions in the answer of the server, '' for none */
  constructor (stream: Duplex, extensions: string) {
    this.#stream = stream
    stream.on('data', (bytes: Buffer) => {
      this.#pieces.push(bytes)
      this.#length += bytes.length
      this.#wake()
    })
    stream.on('end', () => {
      this.#hasEnded = true
      this.#wake()
    })
    stream.on('error', (error) => {
      this.#failure = error
      this.#wake()
    })
    if (extensions === '') return
    const agreed = readAnswer(extensions)
    // The windows are those that both sides agreed on. zlib rejects a distance beyond its window.
    this.#deflate = new ClientZlib(createDeflateRaw({
      windowBits: agreed.clientWindowBits, level: 1
    }), agreed.clientTakesOver)
    this.#inflate = new ClientZlib(createInflateRaw({ windowBits: agreed.serverWindowBits }), agreed.serverTakesOver)
  }

  /** Sends bytes unchanged, and lets the event loop turn. */
  async send (bytes: Buffer): Promise<void> {
    if (!this.#stream.write(bytes) && !this.#hasEnded && this.#failure === undefined) await this.#drained()
    await turn()
  }

  #drained (): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#stream.off('drain', settle).off('close', settle)
        resolve()
      }
      this.#stream.on('drain', settle).on('close', settle)
    })
  }

  /** Sends a message in frames of at most `fragment` bytes. */
  async say ({ opcode, payload }: Message, fragment: number): Promise<void> {
    const isCompressed = this.#deflate !== undefined
    const all = this.#deflate === undefined ? payload : (await this.#deflate.run(payload)).subarray(0, -TAIL.length)
    const frames: Buffer[] = []
    for (let at = 0; at === 0 || at < all.length; at += fragment) {
      const fin = at + fragment >= all.length
      frames.push(clientFrame(at === 0 ? opcode : CONTINUATION, all.subarray(at, Math.min(at + fragment, all.length)), {
        fin, isCompressed: isCompressed && at === 0
      }))
      if (fin) break
    }
    await this.send(frames.length === 1 ? frames[0] as Buffer : Buffer.concat(frames))
  }

  /** Returns the next complete message or control frame. */
  async receive (): Promise<Message> {
    const first = await this.#readFrame()
    if (isControl(first.opcode)) return first
    if (first.opcode === CONTINUATION) throw new Error('a continuation of nothing arrived')
    const pieces = [first.payload]
    for (let last = first; !last.fin;) {
      last = await this.#readFrame()
      if (last.opcode !== CONTINUATION || last.isCompressed) {
        throw new Error(`a frame with the opcode ${last.opcode} arrived within a message`)
      }
      pieces.push(last.payload)
    }
    const joined = Buffer.concat(pieces)
    if (!first.isCompressed) return { opcode: first.opcode, payload: joined }
    if (this.#inflate === undefined) throw new Error('a compressed message arrived')
    return { opcode: first.opcode, payload: await this.#inflate.run(joined, TAIL) }
  }

  /** Returns the bytes that arrive until the server ends the stream. */
  async readEnd (): Promise<Buffer> {
    await this.#until(() => this.#hasEnded)
    return Buffer.concat(this.#pieces)
  }

  close (): void {
    this.#deflate?.close()
    this.#inflate?.close()
    this.#stream.destroy()
  }

  async #readFrame (): Promise<Frame> {
    const [first, second] = await this.#read(2) as unknown as [number, number]
    const opcode = first & 0x0f
    if ((first & 0x30) !== 0 || (second & 0x80) !== 0 || isReserved(opcode)) {
      throw new Error(`no frame of a server begins with ${first} ${second}`)
    }
    if (opcode >= CLOSE && ((first & 0xc0) !== 0x80 || second > 125)) {
      throw new Error(`no control frame begins with ${first} ${second}`)
    }
    let length = second
    if (second === 126) length = (await this.#read(2)).readUInt16BE()
    else if (second === 127) length = Number((await this.#read(8)).readBigUInt64BE())
    if ((second === 126 && length < 126) || (second === 127 && length < 0x1_0000)) {
      throw new Error(`the length ${length} is not minimal`)
    }
    const payload = await this.#read(length)
    return { opcode, fin: (first & 0x80) !== 0, isCompressed: (first & 0x40) !== 0, payload }
  }

  async #read (length: number): Promise<Buffer> {
    await this.#until(() => this.#length >= length)
    const all = this.#pieces.length === 1 ? this.#pieces[0] as Buffer : Buffer.concat(this.#pieces)
    this.#pieces = length < all.length ? [all.subarray(length)] : []
    this.#length -= length
    return all.subarray(0, length)
  }

  async #until (ready: () => boolean): Promise<void> {
    while (!ready()) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#hasEnded) throw new Error('the stream ended')
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => { reject(new Error(`nothing arrived within ${TIMEOUT} ms`)) }, TIMEOUT)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}

interface Agreed {
  readonly clientWindowBits: number
  readonly serverWindowBits: number
  readonly clientTakesOver: boolean
  readonly serverTakesOver: boolean
}

function readAnswer (extensions: string): Agreed {
  const [name, ...parameters] = extensions.split(';').map((part) => part.trim())
  if (name !== 'permessage-deflate') throw new Error(`the server agreed on ${extensions}`)
  const values = new Map(parameters.map((parameter) => parameter.split('=') as [string, string | undefined]))
  return {
    clientWindowBits: Number(values.get('client_max_window_bits') ?? 15),
    serverWindowBits: Number(values.get('server_max_window_bits') ?? 15),
    clientTakesOver: !values.has('client_no_context_takeover'),
    serverTakesOver: !values.has('server_no_context_takeover')
  }
}
