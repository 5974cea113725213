import { encodeFrame, isFrame } from '../lib/topics/frames.js'

/** The data that `send()` accepts. */
export type Sendable = string | BufferSource | Blob
/** A message as a connection sends it. */
export type Message = string | Uint8Array<ArrayBuffer> | Blob

/** Converts binary data to bytes, and anything else to text, as WebSocket does. */
export function messageOf (data: Sendable): Message {
  if (data instanceof Blob) return data
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : String(data)
}

export const sizeOf = (message: Message): number => new Blob([message]).size

/** Puts a message in a frame of the live subprotocol if it could be mistaken for one. */
export function framed (message: Message): Message {
  if (message instanceof Blob) return new Blob([encodeFrame({ type: 'send' }, new Uint8Array()), message])
  return isFrame(message) ? encodeFrame({ type: 'send' }, message) : message
}

/** Converts the payload of a received message to the `data` of its event. */
export function dataOf (
  payload: string | Uint8Array<ArrayBuffer>, binaryType: BinaryType
): string | Blob | ArrayBuffer {
  if (typeof payload === 'string') return payload
  return binaryType === 'blob' ? new Blob([payload]) : payload.slice().buffer
}
