import { isUtf8 } from 'node:buffer'
import { markAsUntransferable } from 'node:worker_threads'
import * as receiveBuffer from './receive-buffer.js'
import { HIGH_BITS } from './unmask.js'

/** The payload of an empty message or frame. */
export const EMPTY_PAYLOAD: Buffer = Buffer.alloc(0)

// Up to this size, one loop that unmasks while it copies is faster than unmask() and a copy: 80 ns for 64 bytes, not
// 110. It uses a pool of its own because it stores whole words, so payloads must start at a multiple of four.
const LOOP_UP_TO = 64
const POOL_SIZE = 16_384

let pool = createPool()
let poolView = new DataView(pool.buffer)
let poolUsed = 0

// Not 0 if the payload taken last contains non-ASCII bytes. A variable, because a second result would need an object.
let highBits = 0

/**
 * Copies `[start, end)` out of the receive buffer, unmasked. This is the only copy made of a message.
 * @param key the masking key, rotated to `start`
 */
export function takeBinary (start: number, end: number, key: number): Buffer {
  const length = end - start
  if (length <= LOOP_UP_TO) return takeByWords(start, end, key)
  highBits = receiveBuffer.unmask(start, end, key)
  const data = Buffer.allocUnsafe(length)
  receiveBuffer.bytes.copy(data, 0, start, end)
  return data
}

/** Like `takeBinary()`, but returns undefined if the payload is not valid UTF-8. */
export function takeText (start: number, end: number, key: number): Buffer | undefined {
  const data = takeBinary(start, end, key)
  return highBits === 0 || isUtf8(data) ? data : undefined
}

function takeByWords (start: number, end: number, key: number): Buffer {
  const from = poolUsed
  const to = from + end - start
  poolUsed = (to + 3) & ~3
  if (poolUsed > POOL_SIZE) {
    pool = createPool()
    poolView = new DataView(pool.buffer)
    poolUsed = 0
    return takeByWords(start, end, key)
  }
  let all = 0
  for (let at = start, into = from; at < end; at += 4, into += 4) {
    const word = receiveBuffer.view.getInt32(at, true) ^ key
    all |= word
    poolView.setInt32(into, word, true)
  }
  // Bytes after the end may set a bit too. That only costs a needless UTF-8 check.
  highBits = all & HIGH_BITS
  return pool.subarray(from, to)
}

// Messages are views of the pool: transferring one to a worker would detach all the others.
function createPool (): Buffer {
  const created = Buffer.allocUnsafeSlow(POOL_SIZE)
  markAsUntransferable(created.buffer)
  return created
}
