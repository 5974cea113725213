import type { FastifyBaseLogger } from 'fastify'
import type { ErrorCode } from '../error-code.js'
import { UncleanClose, type RefusedMessage } from '../errors.js'
import { isError } from '../is-error.js'
import type { WireSocket } from '../socket/socket.js'
import { tryLog } from '../try-log.js'
import { toErrorText, toReason } from './schema.js'

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

/** It needs the log of the request only, so that the request need not be kept for it. */
export type DefaultErrorHandler = (error: unknown, socket: WireSocket, log: FastifyBaseLogger) => void

// What a loop over the messages throws when the peer left without a close is no failure, and the log has it already.
export const closeWith1011: DefaultErrorHandler = (error, socket, log) => {
  if (error instanceof UncleanClose) return
  tryLog(log, 'error', { err: error }, 'a WebSocket handler failed')
  socket.close(1011)
}

// The default of @fastify/websocket. A fault has closed the socket already, with the code that says which it was.
export const terminate: DefaultErrorHandler = (error, socket, log) => {
  tryLog(log, 'error', error as object)
  if (!(isError(error) && isFault(error))) socket.terminate()
}

// A fault of a client is no fault here: as in Fastify, it is not logged as an error.
const refuseBy = (answer: (error: RefusedMessage, socket: WireSocket) => void): DefaultErrorHandler => (error, socket, log) => {
  // After the close nobody cares for what had been sent before.
  if (socket.readyState !== socket.OPEN) return
  tryLog(log, 'info', { err: error }, 'a message was refused')
  answer(error as RefusedMessage, socket)
}

/** Closes a socket whose peer sent a message that a schema refuses. */
export const closeRefused = refuseBy(({ closeCode, message }, socket) => { socket.close(closeCode, toReason(message)) })

/** Answers such a message with the error. */
export const replyRefused = refuseBy((error, socket) => { socket.send(toErrorText(error), { binary: false }) })
