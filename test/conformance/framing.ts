// Sections 1 to 5 and 10 of the catalogue: framing, pings and pongs, reserved bits, opcodes, fragments.
import {
  binary, binaryFrame, chop, chopBy, CHOPPINGS, continuation, exchange, oddFrame, pingFrame, pong, pongFrame,
  text, textFrame,
  type Case, type Chopping
} from './case.js'

const SIZES = [0, 125, 126, 127, 128, 65_535, 65_536]
const NOT_TEXT = Buffer.from('00fffefdfcfb00ff', 'hex')
const FAILS = { fails: 1002 } as const

/** 1.1 and 1.2: RFC 6455 §5.2 has three forms of the length, and §5.6 two kinds of data. */
const messages: Case[] = ([
  ['1', 'text', text, textFrame], ['2', 'binary', binary, binaryFrame]
] as const).flatMap(([part, kind, message, frame]) => [
  ...SIZES.map((size, i): Case => {
    const payload = Buffer.alloc(size, '*')
    return {
      id: `1.${part}.${i + 1}`,
      rfc: '§5.2',
      description: `${kind} of ${size} bytes`,
      script: exchange([frame(payload)], [message(payload)]),
      ending: 'closes'
    }
  }),
  {
    id: `1.${part}.8`,
    rfc: '§5.2',
    description: `${kind} of 65536 bytes in chops of 997`,
    script: exchange(chopBy(frame(Buffer.alloc(65_536, '*')), 997), [message(Buffer.alloc(65_536, '*'))]),
    ending: 'closes'
  }
])

const TEN = Array.from({ length: 10 }, (_, i) => `payload-${i}`)
const LONGEST = Buffer.alloc(125, 0xfe)

/** 2: RFC 6455 §5.5.2 and §5.5.3. */
const pings: Case[] = [
  {
    id: '2.1',
    rfc: '§5.5.2',
    description: 'a ping without payload',
    script: exchange([pingFrame()], [pong()]),
    ending: 'closes'
  },
  {
    id: '2.2',
    rfc: '§5.5.2',
    description: 'a ping with text',
    script: exchange([pingFrame('Hello, world!')], [pong('Hello, world!')]),
    ending: 'closes'
  },
  {
    id: '2.3',
    rfc: '§5.5.2',
    description: 'a ping with bytes that are not UTF-8',
    script: exchange([pingFrame(NOT_TEXT)], [pong(NOT_TEXT)]),
    ending: 'closes'
  },
  {
    id: '2.4',
    rfc: '§5.5',
    description: 'a ping of 125 bytes',
    script: exchange([pingFrame(LONGEST)], [pong(LONGEST)]),
    ending: 'closes'
  },
  {
    id: '2.5',
    rfc: '§5.5',
    description: 'a ping of 126 bytes',
    script: exchange([
      pingFrame(Buffer.alloc(126, 0xfe))
    ]),
    ending: FAILS
  },
  {
    id: '2.6',
    rfc: '§5.5',
    description: 'a ping of 125 bytes, octet by octet',
    script: exchange(chopBy(pingFrame(LONGEST), 1), [pong(LONGEST)]),
    ending: 'closes'
  },
  { id: '2.7', rfc: '§5.5.3', description: 'an unsolicited pong', script: exchange([pongFrame()]), ending: 'closes' },
  {
    id: '2.8',
    rfc: '§5.5.3',
    description: 'an unsolicited pong with payload',
    script: exchange([pongFrame('unsolicited')]),
    ending: 'closes'
  },
  {
    id: '2.9',
    rfc: '§5.5.3',
    description: 'an unsolicited pong, then a ping',
    script: exchange([pongFrame('unsolicited'), pingFrame('ping')], [pong('ping')]),
    ending: 'closes'
  },
  {
    id: '2.10',
    rfc: '§5.5.2',
    description: 'ten pings',
    script: exchange(TEN.map((payload) => pingFrame(payload)), TEN.map(pong)),
    ending: 'closes'
  },
  {
    id: '2.11',
    rfc: '§5.5.2',
    description: 'ten pings, octet by octet',
    script: exchange(chop(TEN.map((payload) => pingFrame(payload)), 'octet by octet'), TEN.map(pong)),
    ending: 'closes'
  }
]

const HELLO = textFrame('Hello, world!')
const ECHO = text('Hello, world!')

/** An illegal frame between a text and a ping. The text is echoed, and the ping is not answered. */
const behindText = (id: string, rfc: string, description: string, bad: Buffer, chopping: Chopping): Case => ({
  id,
  rfc,
  description: `${description}, between a text and a ping, ${chopping}`,
  script: exchange(chop([HELLO, bad, pingFrame()], chopping), [ECHO]),
  ending: FAILS
})
const alone = (id: string, rfc: string, description: string, bad: Buffer): Case => ({
  id, rfc, description, script: exchange([bad]), ending: FAILS
})

/** 3: RFC 6455 §5.2: a reserved bit that no extension defines. */
const reservedBits: Case[] = [
  alone('3.1', '§5.2', 'RSV 1 of a text', oddFrame(0x91, 'Hello, world!')),
  behindText('3.2', '§5.2', 'RSV 2 of a text', oddFrame(0xa1, 'Hello, world!'), 'one chop'),
  behindText('3.3', '§5.2', 'RSV 3 of a text', oddFrame(0xb1, 'Hello, world!'), 'frame by frame'),
  behindText('3.4', '§5.2', 'RSV 4 of a text', oddFrame(0xc1, 'Hello, world!'), 'octet by octet'),
  alone('3.5', '§5.2', 'RSV 5 of binary data', oddFrame(0xd2, NOT_TEXT)),
  alone('3.6', '§5.2', 'RSV 6 of a ping', oddFrame(0xe9, 'Hello, world!')),
  alone('3.7', '§5.2', 'RSV 7 of a close', oddFrame(0xf8, Buffer.from('03e8', 'hex')))
]

/** 4: RFC 6455 §5.2: reserved opcodes, 3 to 7 and 11 to 15. */
const opcodes: Case[] = ([['1', 3], ['2', 11]] as const).flatMap(([part, first]) => [
  alone(`4.${part}.1`, '§5.2', `opcode ${first}`, oddFrame(0x80 | first)),
  alone(`4.${part}.2`, '§5.2', `opcode ${first + 1} with payload`, oddFrame(0x80 | first + 1, 'reserved')),
  behindText(`4.${part}.3`, '§5.2', `opcode ${first + 2}`, oddFrame(0x80 | first + 2), 'frame by frame'),
  behindText(`4.${part}.4`, '§5.2', `opcode ${first + 3} with payload`, oddFrame(0x80 | first +
    3, 'reserved'), 'frame by frame'),
  behindText(`4.${part}.5`, '§5.2', `opcode ${first + 4} with payload`, oddFrame(0x80 | first +
    4, 'reserved'), 'octet by octet')
])

const TWO = [textFrame('fragment1', false), continuation('fragment2')]
const JOINED = text('fragment1fragment2')
const [FIRST, LAST] = TWO as [Buffer, Buffer]

/** A case for each chopping of the same frames. */
const chopped = (
  from: number, description: string, rfc: string, frames: readonly Buffer[], received: Parameters<typeof exchange>[1],
  ending: Case['ending']
): Case[] =>
  CHOPPINGS.map((chopping, i) => ({
    id: `5.${from + i}`,
    rfc,
    description: `${description}, ${chopping}`,
    script: exchange(chop(frames, chopping), received),
    ending
  }))

const FIVE = Array.from({ length: 5 }, (_, i) => i === 0
  ? textFrame(`fragment${i + 1}`, false)
  : continuation(`fragment${i + 1}`, i === 4)) as [Buffer, Buffer, Buffer, Buffer, Buffer]

/** 5.19 and 5.20: a client may wait and send pings between the fragments of a message. */
const slowly = (id: string, chopping: Chopping): Case => ({
  id,
  rfc: '§5.4',
  description: `a text in five fragments with pings between them, each answered before the next fragment, ${chopping}`,
  script: () => [
    ...exchange(chop([FIVE[0], FIVE[1], pingFrame('one')], chopping), [pong('one')])(),
    ...exchange(chop([FIVE[2], FIVE[3], pingFrame('two')], chopping), [pong('two')])(),
    ...exchange(chop([FIVE[4]], chopping), [text('fragment1fragment2fragment3fragment4fragment5')])()
  ],
  ending: 'closes'
})

/** 5: RFC 6455 §5.4. */
const fragments: Case[] = [
  {
    id: '5.1',
    rfc: '§5.5',
    description: 'a ping in two fragments',
    script: exchange([
      pingFrame('one', false), continuation('two')
    ]),
    ending: FAILS
  },
  {
    id: '5.2',
    rfc: '§5.5',
    description: 'a pong in two fragments',
    script: exchange([
      pongFrame('one', false), continuation('two')
    ]),
    ending: FAILS
  },
  ...chopped(3, 'a text in two fragments', '§5.4', TWO, [JOINED], 'closes'),
  ...chopped(
    6, 'a text in two fragments, a ping between them', '§5.4', [FIRST, pingFrame('ping'), LAST], [pong('ping'), JOINED],
    'closes'
  ),
  ...chopped(
    9, 'a continuation of nothing with FIN, then a text', '§5.4', [continuation('of nothing'), HELLO], [], FAILS
  ),
  ...chopped(
    12, 'a continuation of nothing without FIN, then a text', '§5.4', [continuation('of nothing', false), HELLO], [],
    FAILS
  ),
  {
    id: '5.15',
    rfc: '§5.4',
    description: 'a text in two fragments, then a continuation of nothing without FIN, then a text, one chop',
    script: exchange(chop([...TWO, continuation('of nothing', false), HELLO], 'one chop'), [JOINED]),
    ending: FAILS
  },
  ...[false, true].map((fin, i): Case => ({
    id: `5.${16 + i}`,
    rfc: '§5.4',
    description: `a continuation of nothing ${fin ? 'with' : 'without'} FIN, then a text in two fragments, all twice`,
    script: exchange([continuation('of nothing', fin), ...TWO, continuation('of nothing', fin), ...TWO]),
    ending: FAILS
  })),
  {
    id: '5.18',
    rfc: '§5.4',
    description: 'two fragments that both have the opcode of text',
    script: exchange(chop([FIRST, textFrame('fragment2')], 'one chop')),
    ending: FAILS
  },
  slowly('5.19', 'one chop'),
  slowly('5.20', 'frame by frame')
]

const LONG = Buffer.alloc(65_536, '*')

/** 10: a sender that fragments its messages. */
const automatic: Case[] = [{
  id: '10.1.1',
  rfc: '§5.4',
  description: 'a text of 65536 bytes in fragments of 1300',
  script: () => [{ say: text(LONG), fragment: 1_300 }, { receive: text(LONG) }],
  ending: 'closes'
}]

export const FRAMING: readonly Case[] = [...messages, ...pings, ...reservedBits, ...opcodes, ...fragments, ...automatic]
