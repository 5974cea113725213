import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { turn } from '../fixtures/memory.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of buffers that the process holds once garbage is collected. */
export async function heldBytes (): Promise<number> {
  // The memory of a buffer is freed a turn after the buffer itself.
  for (let i = 0; i < 3; i++) {
    collect()
    await turn()
  }
  return process.memoryUsage().arrayBuffers
}
