import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'

// RFC 9113 §6
export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9
export const END_HEADERS = 4
const ACK = 1

export function http2Frame (type: number, flags = 0, stream = 0, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2). */
export const initialWindow = (size: number): Buffer => http2Frame(
  SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), number(size)])
)
export const windowUpdate = (stream: number, size: number): Buffer => http2Frame(WINDOW_UPDATE, 0, stream, number(size))
export const reset = (stream: number): Buffer => http2Frame(RST_STREAM, 0, stream, number(8))

/** The fields of an extended CONNECT, with no Huffman code (RFC 7541 §6.2.2). */
export function connectFields (path = '/demo'): Buffer {
  const fields = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'a',
    'sec-websocket-version': '13'
  }
  return Buffer.concat(Object.entries(fields).map(([name, value]) => Buffer.concat([
    Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)
  ])))
}

export const openStream = (stream: number, path?: string): Buffer => http2Frame(
  HEADERS, END_HEADERS, stream, connectFields(path)
)

/** A client of HTTP/2 that sends what it likes, and counts the frames that come. */
export class RawHttp2 {
  readonly socket: Socket
  /** How many frames of each type came, and bytes of DATA. */
  readonly counts = new Map<number, number>()
  dataBytes = 0
  isOver = false
  readonly #pending: Buffer[] = []

  private constructor (socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => { this.isOver = true })
    socket.on('end', () => { this.isOver = true })
    socket.on('data', (bytes: Buffer) => { this.#read(bytes) })
  }

  static async connect (t: Test, port: number, settings = http2Frame(SETTINGS)): Promise<RawHttp2> {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    const client = new RawHttp2(socket)
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, http2Frame(SETTINGS, ACK)]))
    while ((client.counts.get(SETTINGS) ?? 0) < 2) await once(socket, 'data')
    return client
  }

  countOf (type: number): number {
    return this.counts.get(type) ?? 0
  }

  /** Waits until so many frames of a type came, or the connection is over. */
  async until (type: number, count = 1): Promise<void> {
    while (this.countOf(type) < count && !this.isOver) await new Promise<void>((resolve) => { setImmediate(resolve) })
  }

  async over (): Promise<void> {
    while (!this.isOver) await new Promise<void>((resolve) => { setImmediate(resolve) })
  }

  /**
   * Writes again and again, until so many bytes are written or the server has cut the connection. @returns how many
   * were written
   */
  async flood (bytes: Buffer, most: number): Promise<number> {
    let written = 0
    while (written < most && !this.isOver && this.socket.writable) {
      written += bytes.length
      if (!this.socket.write(bytes)) await new Promise<void>((resolve) => { setImmediate(resolve) })
    }
    return written
  }

  #read (bytes: Buffer): void {
    this.#pending.push(bytes)
    let all = this.#pending.length === 1 ? bytes : Buffer.concat(this.#pending)
    while (all.length >= 9 && all.length >= 9 + all.readUIntBE(0, 3)) {
      const length = all.readUIntBE(0, 3)
      const type = all[3] as number
      this.counts.set(type, this.countOf(type) + 1)
      if (type === DATA) this.dataBytes += length
      all = all.subarray(9 + length)
    }
    this.#pending.splice(0, this.#pending.length, ...(all.length > 0 ? [all] : []))
  }
}
