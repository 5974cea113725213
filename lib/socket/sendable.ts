import { types } from 'node:util'
import { EMPTY_PAYLOAD } from '../codec/payload.js'
import { NotSendable } from '../errors.js'

/**
 * Data that can be sent. Strings and numbers are sent as text, anything else as binary unless `binary` is false. A list
 * of buffers is joined; a list of numbers is taken as bytes. Null and undefined are an empty message.
 */
export type Sendable =
  | string | number | Buffer | ArrayBuffer | SharedArrayBuffer | ArrayBufferView
  | readonly Uint8Array[] | readonly number[]

export interface SendOptions {
  /** Whether the message is binary. Default: false for strings and numbers, otherwise true. */
  binary?: boolean | undefined
  /** Whether this is the last fragment of the message. Default true. */
  fin?: boolean | undefined
  /** Whether the message may be compressed, if that was negotiated. Default true. */
  compress?: boolean | undefined
  /** With the `backpressure` policy 'latest', a slow peer gets only the newest message of each kind. Default ''. */
  kind?: string | undefined
  /** Accepted for compatibility and ignored: servers never mask. */
  mask?: boolean | undefined
}

export const NO_OPTIONS: SendOptions = {}

/**
 * The result of `send()`:
 *
 * - 'sent': the message has been sent, or will be at the end of this tick.
 * - 'queued': the message waits for the slow peer ('drain' or 'close' follows), or for a Blob sent before it.
 * - 'refused': the message is not sent, because the socket is not open or too many bytes are queued.
 */
export type SendResult = 'sent' | 'queued' | 'refused'

/** A binary message, of the type set by `binaryType`. */
export type MessageData = Buffer | ArrayBuffer | Buffer[]

const BINARY_TYPES = ['nodebuffer', 'arraybuffer', 'fragments'] as const

export type BinaryType = typeof BINARY_TYPES[number]

export function isBinaryType (value: unknown): value is BinaryType {
  return BINARY_TYPES.includes(value as BinaryType)
}

/** Whether a value is a Blob or File, either Node's or that of a test environment. */
export function isBlob (value: unknown): value is Blob {
  if (typeof value !== 'object' || value === null) return false
  const { arrayBuffer, [Symbol.toStringTag]: tag } = value as Record<string | symbol, unknown>
  return typeof arrayBuffer === 'function' && (tag === 'Blob' || tag === 'File')
}

/** Whether data is sent as binary by default. */
export function isBinaryByDefault (data: Sendable): boolean {
  return typeof data !== 'string' && typeof data !== 'number'
}

/**
 * Returns the bytes of the data, without copying them if possible.
 * @throws NotSendable
 */
export function toBuffer (data: Sendable): Buffer {
  if (Buffer.isBuffer(data)) return data
  if (typeof data === 'string') return Buffer.from(data)
  if (ArrayBuffer.isView(data) || types.isAnyArrayBuffer(data)) return viewOf(data)
  if (data == null) return EMPTY_PAYLOAD
  if (typeof data === 'number') return Buffer.from(String(data))
  if (!Array.isArray(data)) throw new NotSendable(nameOf(data))
  // Array.from() fills the holes of a list, which every() skips.
  const items: unknown[] = Array.from(data)
  if (items.every((item) => typeof item === 'number')) return Buffer.from(data)
  if (items.every((item) => types.isUint8Array(item))) return Buffer.concat(data as Uint8Array[])
  throw new NotSendable('a list of other values')
}

function viewOf (data: ArrayBuffer | SharedArrayBuffer | ArrayBufferView): Buffer {
  try {
    return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data)
  } catch {
    throw new NotSendable('bytes whose ArrayBuffer was transferred')
  }
}

function nameOf (value: object): string {
  if (typeof value !== 'object') return `a ${typeof value}`
  if (isBlob(value)) return 'a Blob: its bytes are await blob.arrayBuffer()'
  return `an object (${value.constructor?.name ?? 'without a prototype'}), whose text is JSON.stringify(object)`
}

export function toBinaryType (data: Buffer, binaryType: BinaryType): MessageData {
  if (binaryType === 'nodebuffer') return data
  if (binaryType === 'fragments') return [data]
  const copy = new ArrayBuffer(data.length)
  new Uint8Array(copy).set(data)
  return copy
}
