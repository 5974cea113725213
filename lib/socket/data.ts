/**
 * What can be sent. Anything but a string or a number is binary, unless `binary: false` says that it is UTF-8. A list of
 * buffers is joined, one of numbers is bytes; what is not there is an empty message.
 */
export type Sendable = string | number | Buffer | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | readonly Uint8Array[] | readonly number[]

/** A binary message, in the form that `binaryType` says. */
export type MessageData = Buffer | ArrayBuffer | Buffer[]

export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments'

/** Whether data goes as a binary message when nobody says. */
export function isBinaryByDefault (data: Sendable): boolean {
  return typeof data !== 'string' && typeof data !== 'number'
}

/** The bytes of what is sent, uncopied where that can be. */
export function toBuffer (data: Sendable): Buffer {
  if (Buffer.isBuffer(data)) return data
  if (typeof data === 'string') return Buffer.from(data)
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (Array.isArray(data)) return Buffer.concat(data)
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return Buffer.from(data)
  return Buffer.from(String(data))
}

export function toBinaryType (data: Buffer, binaryType: BinaryType): MessageData {
  if (binaryType === 'nodebuffer') return data
  if (binaryType === 'fragments') return [data]
  const copy = new ArrayBuffer(data.length)
  new Uint8Array(copy).set(data)
  return copy
}
