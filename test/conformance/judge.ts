import { CLOSE } from '../../lib/codec/opcode.js'
import { clientFrame } from '../fixtures/frames.js'
import type { Carrier } from './carriers.js'
import type { Case, Message } from './case.js'
import { StrictPeer } from './peer.js'

const NORMAL = Buffer.from('03e8', 'hex')

/** Runs one case. @returns a description of the failure, or undefined */
export async function judge (carrier: Carrier, one: Case): Promise<string | undefined> {
  try {
    await converse(carrier, one)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function converse (carrier: Carrier, { offer, script, ending }: Case): Promise<void> {
  const { stream, extensions } = await carrier.open(offer)
  if ((offer === undefined) !== (extensions === '')) {
    throw new Error(`the answer to the offer ${offer ?? 'of nothing'} is ${extensions === '' ? 'none' : extensions}`)
  }
  const peer = new StrictPeer(stream, extensions)
  try {
    for (const step of script()) {
      if ('send' in step) await peer.send(step.send)
      else if ('say' in step) await peer.say(step.say, step.fragment)
      else expect(await peer.receive(), step.receive)
    }
    if (ending === 'closes') await peer.send(clientFrame(CLOSE, NORMAL))
    const payload = ending === 'closes'
      ? NORMAL
      : 'answers' in ending
        ? ending.answers
        : Buffer.from([
          ending.fails >> 8, ending.fails & 0xff
        ])
    expect(await peer.receive(), { opcode: CLOSE, payload })
    const rest = await peer.readEnd()
    if (rest.length > 0) throw new Error(`${rest.length} bytes arrived after the close frame`)
  } finally {
    peer.close()
  }
}

function expect (received: Message, expected: Message): void {
  if (received.opcode !== expected.opcode || !received.payload.equals(expected.payload)) {
    throw new Error(`received ${show(received)} instead of ${show(expected)}`)
  }
}

const show = ({ opcode, payload }: Message): string =>
  `a frame with the opcode ${opcode} and ${payload.length} bytes, ${payload.toString('hex', 0, 20)}`
