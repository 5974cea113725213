import { isUtf8 } from 'node:buffer'
import { EMPTY_PAYLOAD } from '../codec/payload.js'
import {
  BadCloseCode, BadClosePayload, CloseReasonTooLong, ForbiddenCloseCode, InvalidUtf8, type Fault
} from '../errors.js'

/** The close frame had no code (RFC 6455 §7.1.5). */
export const NO_STATUS = 1005
/** No close frame was received (RFC 6455 §7.1.5). */
export const ABNORMAL = 1006

/** The longest reason of a close frame, in bytes (RFC 6455 §5.5). */
export const MAX_REASON_LENGTH = 123

/** Whether a close frame may contain the code, in either direction (RFC 6455 §7.4 and the IANA registry). */
export function isCloseCode (code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)
}

/**
 * @returns the payload of a close frame
 * @throws BadCloseCode, CloseReasonTooLong
 */
export function encodeClose (
  code: number | undefined, reason: string | ArrayBuffer | NodeJS.ArrayBufferView = EMPTY_PAYLOAD
): Buffer {
  const length = Buffer.byteLength(reason)
  if (code === undefined) {
    if (length > 0) throw new BadCloseCode('undefined')
    return EMPTY_PAYLOAD
  }
  if (!Number.isInteger(code) || !isCloseCode(code)) throw new BadCloseCode(String(code))
  if (length > MAX_REASON_LENGTH) throw new CloseReasonTooLong(length)
  const payload = Buffer.allocUnsafe(2 + length)
  payload.writeUInt16BE(code)
  if (typeof reason === 'string') payload.write(reason, 2)
  else payload.set(toBytes(reason), 2)
  return payload
}

// A reason need not be a Buffer, although its type says so: `ws` takes any Uint8Array.
function toBytes (reason: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(reason)) return new Uint8Array(reason)
  return new Uint8Array(reason.buffer, reason.byteOffset, reason.byteLength)
}

export interface CloseStatus {
  readonly code: number
  readonly reason: Buffer
}

/** Reads the payload of a close frame (RFC 6455 §5.5.1), or returns the rule that it breaks. */
export function decodeClose (payload: Buffer): CloseStatus | Fault {
  if (payload.length === 0) return { code: NO_STATUS, reason: EMPTY_PAYLOAD }
  if (payload.length === 1) return new BadClosePayload()
  const code = payload.readUInt16BE()
  if (!isCloseCode(code)) return new ForbiddenCloseCode(code)
  const reason = payload.subarray(2)
  return isUtf8(reason) ? { code, reason } : new InvalidUtf8()
}
