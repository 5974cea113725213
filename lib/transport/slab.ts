import { markAsUntransferable } from 'node:worker_threads'

export const SLAB_SIZE = 65_536

/**
 * The buffer that all transports encode into, so an idle socket owns none. Consecutive frames of one socket form a
 * region, which is sent as one write. When all regions have been sent, the slab is reused from its start, which keeps
 * it in the CPU cache. A full slab is replaced; its regions keep it alive.
 */
export let slab = createSlab()
let used = 0
let regions = 0

/** Whether the region that ends at this offset is the last one, so that it can grow. */
export function isLast (end: number): boolean {
  return end === used
}

/** Extends the last region to a new end. */
export function extend (end: number): void {
  used = end
}

/** Opens a region, in a new slab if necessary, and returns its offset. */
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

/** Call this when a region has been sent. */
export function closeRegion (): void {
  if (--regions === 0) used = 0
}

// A stream of the application receives views of the slab, and might transfer them to a worker.
function createSlab (): Buffer {
  const created = Buffer.allocUnsafeSlow(SLAB_SIZE)
  markAsUntransferable(created.buffer)
  return created
}
