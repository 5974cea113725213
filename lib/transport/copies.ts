import { nextTick } from '../timers.js'

const EMPTY_BUFFER: Buffer = Buffer.alloc(0)

// The last copy, so that a loop that sends the same bytes to many slow sockets copies them once.
let source: Buffer | undefined
let copy = EMPTY_BUFFER

/** Returns a copy that never changes. */
export function copyOf (bytes: Buffer): Buffer {
  // The application may have changed the bytes since.
  if (source === bytes && copy.equals(bytes)) return copy
  if (source === undefined) nextTick(release)
  source = bytes
  copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

function release (): void {
  source = undefined
  copy = EMPTY_BUFFER
}
