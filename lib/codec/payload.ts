import { isUtf8 } from 'node:buffer'
import { markAsUntransferable } from 'node:worker_threads'
import * as receiveBuffer from './receive-buffer.js'
import { HIGH_BITS } from './unmask.js'

// Up to here one loop that unmasks while it copies is faster than the kernel and a copy: 80 ns for 64 bytes, not 110.
// It writes into a pool of its own, since it stores whole words and the next payload begins at one.
const LOOP_UP_TO = 64
const POOL_SIZE = 16_384

let pool = createPool()
let poolView = new DataView(pool.buffer)
let poolUsed = 0

// Whether the payload taken last holds more than ASCII. Not a second result: no object is made for a message.
let seen = 0

/**
 * Takes `[start, end)` out of the receive buffer, unmasked: the one copy that is made of a message.
 * @param key the masking key as it falls to `start`
 */
export function takeBinary (start: number, end: number, key: number): Buffer {
  const length = end - start
  if (length <= LOOP_UP_TO) return takeInWords(start, end, key)
  seen = receiveBuffer.unmask(start, end, key)
  const data = Buffer.allocUnsafe(length)
  receiveBuffer.bytes.copy(data, 0, start, end)
  return data
}

/** Like `takeBinary()`, or undefined where it is not valid UTF-8. */
export function takeText (start: number, end: number, key: number): Buffer | undefined {
  const data = takeBinary(start, end, key)
  return seen === 0 || isUtf8(data) ? data : undefined
}

function takeInWords (start: number, end: number, key: number): Buffer {
  const from = poolUsed
  const to = from + end - start
  poolUsed = (to + 3) & ~3
  if (poolUsed > POOL_SIZE) {
    pool = createPool()
    poolView = new DataView(pool.buffer)
    poolUsed = 0
    return takeInWords(start, end, key)
  }
  let all = 0
  for (let at = start, into = from; at < end; at += 4, into += 4) {
    const word = receiveBuffer.view.getInt32(at, true) ^ key
    all |= word
    poolView.setInt32(into, word, true)
  }
  // The bytes behind the end may set a bit for nothing: then the UTF-8 is looked at, and no harm done.
  seen = all & HIGH_BITS
  return pool.subarray(from, to)
}

// A message is a view of it: to hand its memory to a worker would take that of the others away, and ours.
function createPool (): Buffer {
  const created = Buffer.allocUnsafeSlow(POOL_SIZE)
  markAsUntransferable(created.buffer)
  return created
}
