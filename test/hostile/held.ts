import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { turn } from '../fixtures/memory.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const held = async (): Promise<number> => {
  collect()
  // The memory of a buffer is freed a turn after the buffer itself.
  await turn()
  return process.memoryUsage().arrayBuffers
}

/** Bytes of buffers that the process holds once garbage is collected. */
export async function heldBytes (): Promise<number> {
  // What the first collection leaves to finalizers, the second one frees.
  await held()
  return await held()
}

/**
 * How many bytes more than `before` the process holds once garbage is collected: a collection takes long, so it is
 * repeated only while these are not less than the limit.
 */
export async function heldSince (before: number, limit: number): Promise<number> {
  let since = Infinity
  for (let i = 0; i < 3 && since >= limit; i++) since = await held() - before
  return since
}
