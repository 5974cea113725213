import type { ErrorCode } from '../error-code.js'

// What `ws` calls these faults: applications written for it tell them by these codes.
const CODES: ReadonlyMap<string, string> = new Map<ErrorCode, string>([
  ['FST_WIRE_RSV', 'WS_ERR_UNEXPECTED_RSV_2_3'],
  ['FST_WIRE_OPCODE', 'WS_ERR_INVALID_OPCODE'],
  ['FST_WIRE_CONTINUATION', 'WS_ERR_INVALID_OPCODE'],
  ['FST_WIRE_INTERLEAVED', 'WS_ERR_INVALID_OPCODE'],
  ['FST_WIRE_MASK', 'WS_ERR_EXPECTED_MASK'],
  ['FST_WIRE_CONTROL_FRAGMENT', 'WS_ERR_EXPECTED_FIN'],
  ['FST_WIRE_CONTROL_SIZE', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  ['FST_WIRE_CLOSE_PAYLOAD', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  ['FST_WIRE_CLOSE_CODE_RECEIVED', 'WS_ERR_INVALID_CLOSE_CODE'],
  ['FST_WIRE_LENGTH', 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'],
  ['FST_WIRE_MESSAGE_SIZE', 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ['FST_WIRE_FRAGMENTS', 'WS_ERR_TOO_MANY_BUFFERED_PARTS'],
  ['FST_WIRE_UTF8', 'WS_ERR_INVALID_UTF8']
])

/** Whether an error is a rule that the peer broke, which has closed the socket already. */
export function isFault (error: Error): boolean {
  return 'closeCode' in error
}

/** Gives a fault the code that it has in `ws`. */
export function toWsError (error: Error & { code?: string }): void {
  const code = CODES.get(error.code ?? '')
  // A subscriber of the channel has seen it already, and may have frozen it.
  if (code !== undefined) Reflect.set(error, 'code', code)
}
