/**
 * How much work the current input may still cause. One unit is about a microsecond of the event loop.
 *
 * Parsing is synchronous, so all sockets share one counter, as they share the receive buffer. The reader grants a
 * budget before it passes bytes on, the codec spends it, and a protocol stops after the frame that exhausts it.
 * Counting work instead of reading a clock makes this testable and costs nothing per message.
 */

/** One frame: parsing its header and delivering its message. */
export const FRAME_COST = 2

/** `1 << PAYLOAD_SHIFT` bytes of payload cost one unit. */
export const PAYLOAD_SHIFT = 11

/** Decompressing one message, however small. */
export const INFLATE_COST = 4

/** `1 << INFLATED_SHIFT` bytes of decompressed output cost one unit. */
export const INFLATED_SHIFT = 10

/** `1 << DEFLATED_SHIFT` bytes of compressed input cost one unit. In the worst case they are tiny blocks. */
export const DEFLATED_SHIFT = 4

// The largest small integer that V8 stores without allocating.
const UNLIMITED = 0x3fffffff

let left = UNLIMITED

/** Sets the budget. Without an argument, work is unlimited. */
export function grant (units = UNLIMITED): void {
  left = units
}

/** @returns whether any budget is left */
export function spend (units: number): boolean {
  left -= units
  return left > 0
}

/** Returns the remaining units; 0 or less when the budget is exhausted. */
export function remaining (): number {
  return left
}
