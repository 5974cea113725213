import { nextTick } from '../timers.js'

const NOTHING: Buffer = Buffer.alloc(0)

// The copy that was made last. A loop that sends the same bytes to many slow sockets makes one for all of them.
let source: Buffer | undefined
let copy = NOTHING

/** A copy that is not written to. */
export function copyOf (bytes: Buffer): Buffer {
  // The memory may have been used again meanwhile.
  if (source === bytes && copy.equals(bytes)) return copy
  if (source === undefined) nextTick(release)
  source = bytes
  copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

function release (): void {
  source = undefined
  copy = NOTHING
}
