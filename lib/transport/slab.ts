import { markAsUntransferable } from 'node:worker_threads'

export const SLAB_SIZE = 65_536

/**
 * Where all transports write in turn: frames of one socket that follow each other lie side by side and leave as one
 * write, and an idle socket owns no buffer. When all regions have left it is written from its start again, so that it
 * stays in the cache. A full one is left to those whose bytes are in it.
 */
export let slab = createSlab()
let used = 0
let regions = 0

/** Whether a region ends where the slab is written next. */
export function isLast (end: number): boolean {
  return end === used
}

/** Makes the last region longer. */
export function extend (end: number): void {
  used = end
}

/** @returns where a new region of the slab begins; there may be a new slab */
export function openRegion (length: number): number {
  if (used + length > SLAB_SIZE) {
    slab = createSlab()
    used = 0
    regions = 0
  }
  regions++
  const start = used
  used += length
  return start
}

/** The bytes of a region have left. */
export function closeRegion (): void {
  if (--regions === 0) used = 0
}

// A stream of the application is written views of it, and may hand those to a worker.
function createSlab (): Buffer {
  const created = Buffer.allocUnsafeSlow(SLAB_SIZE)
  markAsUntransferable(created.buffer)
  return created
}
