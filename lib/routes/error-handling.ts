import type { FastifyBaseLogger } from 'fastify'
import type { ErrorCode } from '../error-code.js'
import { UncleanClose, type RefusedMessage } from '../errors.js'
import { isError } from '../is-error.js'
import type { WireSocket } from '../socket/socket.js'
import { tryLog } from '../try-log.js'
import { toErrorText, toReason } from './schema.js'

// The codes of `ws` for these errors, on which applications written for it depend.
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

/** Whether an error is a protocol error of the peer, which has already closed the socket. */
export function isFault (error: Error): boolean {
  return 'closeCode' in error
}

/** Gives a protocol error the code that it has in `ws`. */
export function toWsError (error: Error & { code?: string }): void {
  const code = CODES.get(error.code ?? '')
  // Reflect.set, because a subscriber of the diagnostics channel may have frozen the error.
  if (code !== undefined) Reflect.set(error, 'code', code)
}

/** Receives the logger instead of the request, so that sockets need not keep their request. */
export type DefaultErrorHandler = (error: unknown, socket: WireSocket, log: FastifyBaseLogger) => void

// UncleanClose ends a loop over the messages. It is not a failure, and the close has been logged.
export const closeWith1011: DefaultErrorHandler = (error, socket, log) => {
  if (error instanceof UncleanClose) return
  tryLog(log, 'error', { err: error }, 'a WebSocket handler failed')
  socket.close(1011)
}

// The default of @fastify/websocket. A protocol error has already closed the socket, with its own code.
export const terminate: DefaultErrorHandler = (error, socket, log) => {
  tryLog(log, 'error', error as object)
  if (!(isError(error) && isFault(error))) socket.terminate()
}

// As in Fastify, a client error is logged at level info.
const refuseBy = (answer: (error: RefusedMessage, socket: WireSocket) => void): DefaultErrorHandler => {
  return (error, socket, log) => {
    if (socket.readyState !== socket.OPEN) return
    tryLog(log, 'info', { err: error }, 'a message was refused')
    answer(error as RefusedMessage, socket)
  }
}

/** Closes a socket whose peer sent a message that does not match the schema. */
export const closeRefused = refuseBy(({ closeCode, message }, socket) => { socket.close(closeCode, toReason(message)) })

/** Sends the error to the peer instead. */
export const replyRefused = refuseBy((error, socket) => { socket.send(toErrorText(error), { binary: false }) })
