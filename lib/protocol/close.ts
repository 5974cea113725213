import { isUtf8 } from 'node:buffer'
import { BadCloseCode, BadClosePayload, CloseReasonTooLong, ForbiddenCloseCode, InvalidUtf8, type Fault } from '../errors.js'

/** A close frame without a code (RFC 6455 §7.1.5). */
export const NO_STATUS = 1005
/** No close frame came (RFC 6455 §7.1.5). */
export const ABNORMAL = 1006

const NOTHING = Buffer.alloc(0)
/** Of the reason in a close frame, in bytes (RFC 6455 §5.5). */
export const LONGEST_REASON = 123

/** Which codes may stand in a close frame, either way: RFC 6455 §7.4 and the registry it began. */
export function isCloseCode (code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)
}

/**
 * @returns the payload of a close frame
 * @throws BadCloseCode, CloseReasonTooLong
 */
export function encodeClose (code: number | undefined, reason: string | Buffer = NOTHING): Buffer {
  const length = Buffer.byteLength(reason)
  if (code === undefined) {
    if (length > 0) throw new BadCloseCode('undefined')
    return NOTHING
  }
  if (!Number.isInteger(code) || !isCloseCode(code)) throw new BadCloseCode(String(code))
  if (length > LONGEST_REASON) throw new CloseReasonTooLong(length)
  const payload = Buffer.allocUnsafe(2 + length)
  payload.writeUInt16BE(code)
  if (typeof reason === 'string') payload.write(reason, 2)
  else reason.copy(payload, 2)
  return payload
}

export interface CloseStatus {
  readonly code: number
  readonly reason: Buffer
}

/** Reads the payload of a close frame (RFC 6455 §5.5.1), or says which rule it breaks. */
export function decodeClose (payload: Buffer): CloseStatus | Fault {
  if (payload.length === 0) return { code: NO_STATUS, reason: NOTHING }
  if (payload.length === 1) return new BadClosePayload()
  const code = payload.readUInt16BE()
  if (!isCloseCode(code)) return new ForbiddenCloseCode(code)
  const reason = payload.subarray(2)
  return isUtf8(reason) ? { code, reason } : new InvalidUtf8()
}
