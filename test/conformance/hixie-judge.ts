import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { turn } from '../fixtures/memory.js'
import type { HixieCase } from './hixie.js'

/** Runs one case over a new stream. @returns a description of the failure, or undefined */
export async function judgeHixie (
  stream: Duplex, { head, chops, expects, ends = false }: HixieCase
): Promise<string | undefined> {
  const got = { bytes: Buffer.alloc(0), hasEnded: false }
  stream.on('data', (bytes: Buffer) => { got.bytes = Buffer.concat([got.bytes, bytes]) })
  stream.on('end', () => { got.hasEnded = true })
  stream.on('close', () => { got.hasEnded = true })
  stream.on('error', () => {})
  // Only after a refusal may the connection end or not.
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
        : `the answer was ${received.toString('latin1').split('\r\n')[0] as string}, and not ${expects.status}`
    }
    if (hasEnded !== ends) return `the connection ${hasEnded ? 'ended' : 'did not end'}`
    return received.equals(expects)
      ? undefined
      : `received ${show(received)} instead of ${show(expects)}`
  } finally {
    stream.destroy()
  }
}

const show = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1'))
