// Random streams, received here and by the receiver of `ws`: what one tells and the other does not is one of the
// differences listed here.
import fc from 'fast-check'
import t from 'tap'
import * as ws from 'ws'
import { Rfc6455 } from '../../lib/protocol/rfc6455.js'
import { feed, RecordingSink } from '../fixtures/sink.js'
import { holds, stream } from './properties.js'

const LIMITS = { maxPayload: 400, maxFragments: 5 } as const

type Told = [kind: string, ...details: unknown[]]

interface Heard {
  readonly events: Told[]
  /** The close code of the fault, and ours has a name. */
  readonly fault: number | undefined
  readonly name?: string
}

function here (bytes: Buffer): Heard {
  const sink = new RecordingSink()
  const protocol = new Rfc6455(sink, sink, LIMITS)
  feed(protocol, Buffer.from(bytes))
  const events = sink.events.filter(([kind]) => kind !== 'end' && kind !== 'fault')
  const fault = sink.events.find(([kind]) => kind === 'fault')
  if (fault === undefined && protocol.state === 'closed') {
    events.push(['close', protocol.closeCode, protocol.closeReason.toString()])
  }
  return fault === undefined
    ? { events, fault: undefined }
    : { events, fault: fault[2] as number, name: fault[1] as string }
}

interface WsReceiver extends NodeJS.EventEmitter {
  /** As its stream calls it, which tells an error later. */
  _write (bytes: Buffer, encoding: string, done: (error?: Error) => void): void
}

const { Receiver } = ws as unknown as { Receiver: new (options: object) => WsReceiver }

function there (bytes: Buffer): Heard {
  const receiver = new Receiver({
    isServer: true,
    allowSynchronousEvents: true,
    binaryType: 'nodebuffer',
    extensions: {},
    ...LIMITS,
    maxBufferedChunks: 0
  })
  const events: Told[] = []
  let fault: number | undefined
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    events.push([
      isBinary ? 'binary' : 'text', data.toString(isBinary ? 'hex' : 'utf8')
    ])
  })
  receiver.on('ping', (data: Buffer) => { events.push(['ping', data.toString()]) })
  receiver.on('pong', (data: Buffer) => { events.push(['pong', data.toString()]) })
  receiver.on('conclude', (code: number, reason: Buffer) => { events.push(['close', code, reason.toString()]) })
  receiver._write(bytes, 'buffer', (error) => {
    if (error === undefined) return
    const status = Object.getOwnPropertySymbols(error).find(({ description }) => description === 'status-code')
    fault = status === undefined ? 0 : (error as unknown as Record<symbol, number>)[status]
  })
  return { events, fault }
}

/**
 * Where ours is stricter, or looks at another rule first. Each is a fault of ours that has to be explained by what `ws`
 * does.
 */
const EXPLAINED: ReadonlyArray<readonly [name: string, theirs: (fault: number | undefined) => boolean, why: string]> = [
  ['FST_WIRE_LENGTH_FORM', () => true, 'RFC 6455 §5.2 asks for the shortest form of a length; ws takes any'],
  [
    'FST_WIRE_UTF8', () => true,
    'text fails at its first wrong byte; ws looks at it when the message has ended, and finds another fault before that, or none'
  ],
  [
    'FST_WIRE_MESSAGE_SIZE', (fault) => fault === 1009 || fault === 1008 || fault === undefined,
    'a length is refused with the head of its frame; ws waits for the payload of a fragment before it adds up'
  ],
  [
    'FST_WIRE_FRAGMENTS', (fault) => fault === 1008 || fault === undefined,
    'a fragment too many is refused with its head; ws counts those with a payload'
  ],
  ['FST_WIRE_MASK', (fault) => fault === 1009, 'the mask is looked at before the length; ws looks at the length first']
]

/** @returns what differs and is not explained */
function difference (ours: Heard, theirs: Heard): string | undefined {
  const same = JSON.stringify(ours.events) === JSON.stringify(theirs.events) && ours.fault === theirs.fault
  if (same) return undefined
  const isPrefix = JSON.stringify(ours.events) === JSON.stringify(theirs.events.slice(0, ours.events.length))
  const explained = EXPLAINED.find(([name]) => name === ours.name)
  if (isPrefix && explained?.[1](theirs.fault) === true) return undefined
  return `${JSON.stringify(ours)} here, and ${JSON.stringify(theirs)} there`
}

t.test('our receiver and that of ws emit the same for a random stream, except for known differences', async (t) => {
  await holds(2_000, fc.property(stream, (bytes) => {
    const found = difference(here(bytes), there(bytes))
    if (found !== undefined) t.comment(found)
    return found === undefined
  }))
})

t.test('an unknown difference is found', async (t) => {
  t.equal(difference({ events: [], fault: 1002, name: 'FST_WIRE_OPCODE' }, {
    events: [], fault: undefined
  }) === undefined, false)
  t.equal(difference({ events: [['text', 'a']], fault: undefined }, {
    events: [['text', 'b']], fault: undefined
  }) === undefined, false)
  t.equal(difference({ events: [], fault: 1002, name: 'FST_WIRE_LENGTH_FORM' }, {
    events: [['text', 'a']], fault: undefined
  }), undefined)
})
