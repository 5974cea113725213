import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { turn } from '../fixtures/memory.js'
import type { HixieCase } from './hixie.js'

/** Holds one conversation over a stream on which nothing was sent. @returns what was wrong, or undefined */
export async function judgeHixie (
  stream: Duplex, { head, chops, expects, ends = false }: HixieCase
): Promise<string | undefined> {
  const got = { bytes: Buffer.alloc(0), hasEnded: false }
  stream.on('data', (bytes: Buffer) => { got.bytes = Buffer.concat([got.bytes, bytes]) })
  stream.on('end', () => { got.hasEnded = true })
  stream.on('close', () => { got.hasEnded = true })
  stream.on('error', () => {})
  // An end that is not expected is waited for where there may be one: behind a refusal.
  const isDone = (): boolean => got.hasEnded || (!ends && !('status' in expects) && got.bytes.length >= expects.length)
  try {
    const [first = Buffer.alloc(0), ...others] = chops
    stream.write(Buffer.concat([Buffer.from(head), first]))
    for (const chop of others) {
      await turn()
      stream.write(chop)
    }
    while (!isDone()) await Promise.race([once(stream, 'data'), once(stream, 'end'), once(stream, 'close')])
    const { bytes: received, hasEnded } = got
    if ('status' in expects) {
      const status = Number(received.toString('latin1').split(' ')[1])
      return status === expects.status
        ? undefined
        : `it was answered with ${received.toString('latin1').split('\r\n')[0] as string}, and not with ${expects.status}`
    }
    if (hasEnded !== ends) return `the connection ${hasEnded ? 'ended' : 'did not end'}`
    return received.equals(expects)
      ? undefined
      : `${JSON.stringify(received.toString('latin1'))} came, and not ${JSON.stringify(expects.toString('latin1'))}`
  } finally {
    stream.destroy()
  }
}
