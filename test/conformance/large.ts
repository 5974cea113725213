// Section 9 of the catalogue: large messages, and many messages.
import { BINARY, TEXT } from '../../lib/codec/opcode.js'
import { clientFrame } from '../fixtures/frames.js'
import { chopBy, type Case, type Message, type Step } from './case.js'

const KIB = 1024
const MIB = 1024 * KIB
const KINDS = [['text', TEXT], ['binary', BINARY]] as const

const message = (opcode: number, size: number): Message => ({ opcode, payload: Buffer.alloc(size, '*') })

/** A case for each size and kind: `9.first` has the cases of text, the next section those of binary data. */
const bothKinds = (
  first: number, sizes: readonly number[], description: (kind: string, size: number) => string,
  script: (opcode: number, size: number) => Iterable<Step>
): Case[] =>
  KINDS.flatMap(([kind, opcode], part) => sizes.map((size, i): Case => ({
    id: `9.${first + part}.${i + 1}`,
    rfc: '§5.2',
    description: description(kind, size),
    script: () => script(opcode, size),
    ending: 'closes'
  })))

const MESSAGES = 1_000

/** Each message waits for the echo of the one before it. */
function * roundTrips (opcode: number, size: number): Generator<Step> {
  const said = message(opcode, size)
  for (let i = 0; i < MESSAGES; i++) {
    yield { say: said, fragment: Infinity }
    yield { receive: said }
  }
}

export const LARGE: readonly Case[] = [
  ...bothKinds(1, [
    64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB
  ], (kind, size) => `${kind} of ${size} bytes`, (opcode, size) => [
    { say: message(opcode, size), fragment: Infinity }, { receive: message(opcode, size) }
  ]),
  ...bothKinds(3, [
    64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB
  ], (kind, size) => `${kind} of 4 MiB in fragments of ${size} bytes`, (opcode, size) => [
    { say: message(opcode, 4 * MIB), fragment: size }, { receive: message(opcode, 4 * MIB) }
  ]),
  ...bothKinds(5, [64, 128, 256, 512, KIB, 2 * KIB], (kind, size) =>
    `${kind} of 1 MiB in chops of ${size} bytes`, (opcode, size) => [
    ...chopBy(clientFrame(opcode, Buffer.alloc(MIB, '*')), size).map((send) => ({ send })),
    { receive: message(opcode, MIB) }
  ]),
  ...bothKinds(
    7, [0, 16, 64, 256, KIB, 4 * KIB],
    (kind, size) => `${MESSAGES} messages of ${kind}, ${size} bytes each, one at a time`, roundTrips
  )
]
