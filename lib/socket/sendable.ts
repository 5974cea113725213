import { types } from 'node:util'
import { NotSendable } from '../errors.js'

/**
 * What can be sent. Anything but a string or a number is binary, unless `binary: false` says that it is UTF-8. A list of
 * buffers is joined, one of numbers is bytes; what is not there is an empty message.
 */
export type Sendable =
  | string | number | Buffer | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | readonly Uint8Array[] | readonly number[]

export interface SendOptions {
  /** Whether the message is binary. Default: false for a string, true for all else. */
  binary?: boolean | undefined
  /** Whether this is the last fragment of the message. Default true. */
  fin?: boolean | undefined
  /** Whether it may be compressed, where that was agreed on. Default true. */
  compress?: boolean | undefined
  /** What the message tells of: with the policy 'latest' of `backpressure`, one waits for each kind. Default ''. */
  kind?: string | undefined
  /** Taken for compatibility: a server never masks. */
  mask?: boolean | undefined
}

export const NO_OPTIONS: SendOptions = {}

/**
 * What became of a message when `send()` returns:
 *
 * - 'sent': it has left, or leaves when this tick ends; nothing is in its way.
 * - 'queued': it waits for the peer, which is slower than we are. Where no message is refused 'drain' follows, or 'close'.
 * - 'refused': it is not sent, because the socket is not open or too much waits already.
 */
export type SendResult = 'sent' | 'queued' | 'refused'

/** A binary message, in the form that `binaryType` says. */
export type MessageData = Buffer | ArrayBuffer | Buffer[]

const NOTHING = Buffer.alloc(0)

const BINARY_TYPES = ['nodebuffer', 'arraybuffer', 'fragments'] as const

export type BinaryType = typeof BINARY_TYPES[number]

export function isBinaryType (value: unknown): value is BinaryType {
  return BINARY_TYPES.includes(value as BinaryType)
}

/** Whether this is a Blob or File: that of Node, or one that a test environment has in its place. */
export function isBlob (value: unknown): value is Blob {
  if (typeof value !== 'object' || value === null) return false
  const { arrayBuffer, [Symbol.toStringTag]: tag } = value as Record<string | symbol, unknown>
  return typeof arrayBuffer === 'function' && (tag === 'Blob' || tag === 'File')
}

/** Whether data goes as a binary message when nobody says. */
export function isBinaryByDefault (data: Sendable): boolean {
  return typeof data !== 'string' && typeof data !== 'number'
}

/**
 * The bytes of what is sent, uncopied where that can be.
 * @throws NotSendable
 */
export function toBuffer (data: Sendable): Buffer {
  if (Buffer.isBuffer(data)) return data
  if (typeof data === 'string') return Buffer.from(data)
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (types.isAnyArrayBuffer(data)) return Buffer.from(data)
  if (data == null) return NOTHING
  if (typeof data === 'number') return Buffer.from(String(data))
  if (!Array.isArray(data)) throw new NotSendable(nameOf(data))
  if (data.every((item) => typeof item === 'number')) return Buffer.from(data)
  if (data.every((item) => types.isUint8Array(item))) return Buffer.concat(data)
  throw new NotSendable('a list of other things')
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
