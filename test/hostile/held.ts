import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { turn } from '../fixtures/memory.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const held = async (): Promise<number> => {
  collect()
  // The memory of a buffer is freed one turn after the buffer itself is collected.
  await turn()
  return process.memoryUsage().arrayBuffers
}

/** Returns the bytes of all buffers that the process holds after a garbage collection. */
export async function heldBytes (): Promise<number> {
  // The second collection frees the buffers that the first one left to finalizers.
  await held()
  return await held()
}

/**
 * Returns the number of bytes that the process holds in addition to `before`, after a garbage collection. A collection
 * takes long, so it is repeated only while the number is not below the limit.
 */
export async function heldSince (before: number, limit: number): Promise<number> {
  let since = Infinity
  for (let i = 0; i < 3 && since >= limit; i++) since = await held() - before
  return since
}
