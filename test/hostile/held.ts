import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { turn } from '../fixtures/memory.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Returns the bytes of all buffers that the process holds after a garbage collection. */
export async function heldBytes (): Promise<number> {
  // The memory of a buffer is freed one turn after the buffer itself is collected.
  for (let i = 0; i < 3; i++) {
    collect()
    await turn()
  }
  return process.memoryUsage().arrayBuffers
}
