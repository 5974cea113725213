// RFC 6455 §5.2
export const CONTINUATION = 0x0
export const TEXT = 0x1
export const BINARY = 0x2
export const CLOSE = 0x8
export const PING = 0x9
export const PONG = 0xa

/** Control frames may come between the fragments of a message (RFC 6455 §5.5). */
export function isControl (opcode: number): boolean {
  return opcode >= CLOSE
}

export function isReserved (opcode: number): boolean {
  return (opcode > BINARY && opcode < CLOSE) || opcode > PONG
}
