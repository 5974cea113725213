/**
 * How much work the input that is being received may still cause. A unit is about a microsecond of the event loop.
 *
 * Parsing is synchronous, so one figure serves all sockets, like the receive buffer. The reader grants a budget before it hands
 * bytes over, the codec spends it, and a protocol stops behind the frame that used it up. A count, and not a clock,
 * is what makes this testable and what costs nothing for each message.
 */

/** A frame: its head, and what its message costs on the way to a listener. */
export const FRAME_COST = 2

/** A payload of `1 << this` bytes costs a unit. */
export const PAYLOAD_SHIFT = 11

/** Decompressing one message, however small. */
export const INFLATE_COST = 4

/** So many bytes of output cost a unit, as a power of two. */
export const INFLATED_SHIFT = 10

/** So many bytes of compressed input may cost a unit, as a power of two: tiny blocks, each with a code table of its own. */
export const DEFLATED_SHIFT = 4

// A small integer, which the engine keeps in place. Whoever grants no budget has no limit.
const UNLIMITED = 0x3fffffff

let left = UNLIMITED

export function grant (units = UNLIMITED): void {
  left = units
}

/** @returns whether some of the budget is left */
export function spend (units: number): boolean {
  left -= units
  return left > 0
}

/** What is left; 0 or less when the budget is used up. */
export function remaining (): number {
  return left
}
