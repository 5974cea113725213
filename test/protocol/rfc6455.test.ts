import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { grant } from '../../lib/codec/budget.js'
import { EMPTY_PAYLOAD } from '../../lib/codec/payload.js'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import type { Inflater } from '../../lib/deflate/inflate.js'
import { MessageTooBig, type Fault } from '../../lib/errors.js'
import { Compression } from '../../lib/protocol/compression.js'
import { Rfc6455 } from '../../lib/protocol/rfc6455.js'
import { frame, text } from '../fixtures/client.js'
import { agreed, deflateAlone, inflateAlone, json, randomBytes, SETTINGS, WsClient } from '../fixtures/deflate.js'
import { clientFrame, readFrames } from '../fixtures/frames.js'
import { createRandom, cutEverywhere, feed, RecordingSink } from '../fixtures/sink.js'

const LIMITS = { maxPayload: 1024, maxFragments: 17 }

const setUp = (limits = LIMITS) => {
  const sink = new RecordingSink()
  return { sink, protocol: new Rfc6455(sink, sink, limits) }
}

const receive = (...frames: Buffer[]) => {
  const { sink, protocol } = setUp()
  feed(protocol, Buffer.concat(frames))
  return { sink, protocol }
}

t.test('the events are the same, wherever the bytes are split', async (t) => {
  const bytes = Buffer.concat([
    text('grüß 😀'), frame(2, Buffer.from([0, 255])), text(''), frame(1, 'ä', false), frame(9, 'ping'),
    frame(0, '', false), frame(0, 'ö'),
    frame(10, 'pong'), frame(8, Buffer.from('0fa0627965', 'hex'))
  ])
  const expected = [
    ['text', 'grüß 😀'], ['binary', '00ff'], ['text', ''], ['ping', 'ping'], ['text', 'äö'], ['pong', 'pong'], ['end']
  ]
  const wrong = []
  for (const { name, sink, protocol } of cutEverywhere(bytes, (sink) => new Rfc6455(sink, sink, LIMITS))) {
    const outcome = [
      sink.events, sink.written.toString('hex'), protocol.closeCode, protocol.closeReason.toString()
    ]
    if (!isDeepStrictEqual(outcome, [expected, '8a0470696e6788050fa0627965', 4000, 'bye'])) wrong.push([name, outcome])
  }
  t.same(wrong, [])
})

t.test('a ping during a fragmented message is answered at once', async (t) => {
  const { sink } = receive(frame(1, 'a', false), frame(9, 'now'))
  t.same(sink.events, [['ping', 'now']])
  t.equal(sink.written.toString('hex'), '8a036e6f77')
})

t.test('every protocol error has its close code, and later bytes are dropped', async (t) => {
  const cases: Array<[string, Buffer[], string, number]> = [
    ['an unmasked frame', [Buffer.from('810161', 'hex')], 'FST_WIRE_MASK', 1002],
    ['a reserved bit', [Buffer.from('c180', 'hex')], 'FST_WIRE_RSV', 1002],
    ['a continuation of nothing', [frame(0, 'a')], 'FST_WIRE_CONTINUATION', 1002],
    ['a message within a message', [frame(1, 'a', false), text('b')], 'FST_WIRE_INTERLEAVED', 1002],
    ['invalid text', [frame(1, Buffer.from('ff', 'hex'))], 'FST_WIRE_UTF8', 1007],
    ['text that ends within a character', [frame(1, Buffer.from('c3', 'hex'))], 'FST_WIRE_UTF8', 1007],
    ['the same in fragments', [frame(1, 'a', false), frame(0, Buffer.from('c3', 'hex'))], 'FST_WIRE_UTF8', 1007],
    ['invalid text before the message ends', [frame(1, Buffer.from('eda0', 'hex'), false)], 'FST_WIRE_UTF8', 1007],
    ['a message over the limit', [Buffer.from('82fe0401', 'hex'), Buffer.alloc(4)], 'FST_WIRE_MESSAGE_SIZE', 1009],
    [
      'fragments over the limit', [frame(2, Buffer.alloc(1000), false), frame(0, Buffer.alloc(25))],
      'FST_WIRE_MESSAGE_SIZE', 1009
    ],
    [
      'too many fragments', [frame(2, '', false), ...Array.from({ length: 17 }, () => frame(0, '', false))],
      'FST_WIRE_FRAGMENTS', 1008
    ],
    ['a close with one byte', [frame(8, 'a')], 'FST_WIRE_CLOSE_PAYLOAD', 1002],
    [
      'a close with a code that may not be sent', [frame(8, Buffer.from('03ed', 'hex'))],
      'FST_WIRE_CLOSE_CODE_RECEIVED', 1002
    ],
    ['a close with an invalid reason', [frame(8, Buffer.from('03e8ff', 'hex'))], 'FST_WIRE_UTF8', 1007]
  ]
  for (const [name, frames, code, closeCode] of cases) {
    const { sink, protocol } = receive(...frames, text('dropped'))
    feed(protocol, text('dropped too'))
    t.same(sink.events, [['fault', code, closeCode], ['end']], name)
    t.equal(sink.written.toString('hex'), `8802${closeCode.toString(16).padStart(4, '0')}`, name)
    t.equal(protocol.closeCode, 1006, name)
    t.equal(protocol.state, 'closed', name)
  }
})

t.test('invalid text in an unfinished frame is refused at once', async (t) => {
  const { sink, protocol } = setUp()
  const bytes = frame(1, Buffer.concat([Buffer.from('ok'), Buffer.from('f490', 'hex'), Buffer.from('never read')]))
  feed(protocol, bytes.subarray(0, 9))
  t.same(sink.events, [])
  feed(protocol, bytes.subarray(9, 10))
  t.same(sink.events, [['fault', 'FST_WIRE_UTF8', 1007], ['end']])
})

t.test('a message within the limit may consist of fragments of 64 bytes', async (t) => {
  const payload = Buffer.alloc(1024, 'x')
  const fragments = Array.from({ length: 16 }, (_, i) => frame(i === 0 ? 2 : 0, payload.subarray(64 * i, 64 * i +
    64), false))
  const { sink } = receive(...fragments, frame(0, ''))
  t.same(sink.events, [['binary', payload.toString('hex')]])
})

t.test('fragments are counted per message', async (t) => {
  const message = [frame(1, 'a', false), ...Array.from({ length: 10 }, () => frame(0, 'b', false)), frame(0, 'c')]
  const { sink } = receive(...message, ...message, ...Array.from({ length: 20 }, () => text('whole')), ...message)
  t.same(sink.events.map(([kind]) => kind), Array.from({ length: 23 }, () => 'text'))
})

t.test('a close without a code gets an answer without a code, and emits 1005', async (t) => {
  const { sink, protocol } = receive(frame(8))
  t.equal(sink.written.toString('hex'), '8800')
  t.equal(protocol.closeCode, 1005)
})

t.test('messages still arrive after our close, and nothing is sent', async (t) => {
  const { sink, protocol } = setUp()
  protocol.close(1000)
  protocol.close(1001)
  t.equal(protocol.state, 'closing')
  protocol.send('late', false, true, true)
  protocol.ping(Buffer.alloc(0))
  feed(protocol, Buffer.concat([text('crossing'), frame(9), frame(8, Buffer.from('03e8', 'hex'))]))
  t.same(sink.events, [['text', 'crossing'], ['ping', ''], ['end']])
  t.equal(sink.written.toString('hex'), '880203e8')
  t.equal(protocol.closeCode, 1000)
})

t.test('a protocol error after our close sends no second close', async (t) => {
  const { sink, protocol } = setUp()
  protocol.close(1000)
  feed(protocol, Buffer.from('810161', 'hex'))
  t.equal(sink.written.toString('hex'), '880203e8')
})

t.test('a stream that ends without a close emits 1006', async (t) => {
  const { sink, protocol } = setUp()
  protocol.receiveEnd()
  protocol.receiveEnd()
  t.same(sink.events, [['end']])
  t.equal(protocol.closeCode, 1006)
})

t.test('messages and fragments are sent with their opcodes', async (t) => {
  const { sink, protocol } = setUp()
  protocol.send('a', false, true, true)
  protocol.send(Buffer.from('b'), true, true, true)
  protocol.send('c', false, false, true)
  protocol.send('d', true, true, true)
  protocol.send('e', false, true, true)
  protocol.ping(Buffer.from('p'))
  protocol.pong(Buffer.from('q'))
  t.equal(sink.written.toString('hex'), '810161' + '820162' + '010163' + '800164' + '810165' + '890170' + '8a0171')
})

t.test('sending a control frame of more than 125 bytes throws', async (t) => {
  const { protocol } = setUp()
  for (const verb of ['ping', 'pong'] as const) {
    t.throws(() => { protocol[verb](Buffer.alloc(126)) }, { code: 'FST_WIRE_CONTROL_LENGTH' })
  }
})

t.test('a close by a listener does not stop the reading of a chunk, a protocol error does', async (t) => {
  const { sink, protocol } = setUp()
  sink.message = (data) => {
    sink.events.push(['text', data.toString()])
    protocol.close(1000)
    return true
  }
  feed(protocol, Buffer.concat([text('a'), text('b')]))
  t.same(sink.events, [['text', 'a'], ['text', 'b']])
  const ended = setUp()
  ended.sink.message = () => {
    ended.protocol.receiveEnd()
    return true
  }
  feed(ended.protocol, Buffer.concat([text('a'), text('b')]))
  t.same(ended.sink.events, [['end']])
})

t.test('the protocol has the version of its draft', async (t) => {
  t.equal(new Rfc6455(new RecordingSink(), new RecordingSink(), LIMITS).version, '13')
  t.equal(new Rfc6455(new RecordingSink(), new RecordingSink(), LIMITS, '7').version, '7')
})

t.test('random bytes never throw, and always end with a protocol error or a close', async (t) => {
  const random = createRandom(3)
  const wrong = []
  for (let round = 0; round < 3_000; round++) {
    const { sink, protocol } = setUp()
    const pieces = Array.from({ length: 1 + random(6) }, () => random(2) === 0
      ? Buffer.from(Array.from({ length: random(20) }, () => random(256)))
      : frame(
        [0, 1, 2, 8, 9, 10][random(6)]!, Buffer.from(Array.from({ length: random(9) }, () => random(256))),
        random(2) === 0
      ))
    for (const piece of pieces) feed(protocol, piece)
    protocol.receiveEnd()
    if (sink.events.filter(([kind]) => kind === 'end').length !== 1) wrong.push([round, pieces])
  }
  t.same(wrong, [])
})

// permessage-deflate (RFC 7692)

const LARGE = 70_000

/**
 * A conversation that agreed on compression; what it does not take at once it is given again when its input goes on.
 */
const setUpCompression = ({ keepsContext = false, maxPayload = 1_048_576 } = {}) => {
  const sink = new RecordingSink()
  const compression = new Compression(sink, agreed(keepsContext), SETTINGS)
  const protocol = new Rfc6455(sink, sink, { maxPayload, maxFragments: 17 }, '13', compression)
  let resumed = (): void => {}
  const conversation = {
    sink,
    protocol,
    /** What was not taken yet. */
    rest: Buffer.alloc(0) as Buffer,
    receive: (...frames: Buffer[]): void => {
      conversation.rest = feed(
        protocol, Buffer.concat([conversation.rest, ...frames])
      )
    },
    isPaused: (): boolean => protocol.state !== 'closed' &&
      sink.events.findLast(([kind]) => /Input$/.test(kind))?.[0] === 'pauseInput',
    /** When the message that is being decompressed has been told. */
    resumed: () => new Promise<void>((resolve) => { resumed = resolve }),
    /** When what is being compressed has been written. */
    written: () => new Promise<void>((resolve) => { protocol.whenOutput(resolve) })
  }
  sink.resumeInput = () => {
    sink.events.push(['resumeInput'])
    conversation.receive()
    resumed()
  }
  return conversation
}

/** The payload of a client's frame, compressed; large ones are made of what does not compress. */
const compressed = (payload: Buffer | string, opcode = 1): Buffer => clientFrame(
  opcode, deflateAlone(Buffer.from(payload)), { isCompressed: true }
)

const LARGE_BINARY = randomBytes(LARGE)

t.test('compressed and plain messages may alternate, wherever the bytes are split', async (t) => {
  const bytes = Buffer.concat([
    compressed('grüß 😀'), text('plain'), compressed(Buffer.from([0, 255]), 2), compressed(''),
    clientFrame(1, '', { isCompressed: true })
  ])
  const create = (sink: RecordingSink) => new Rfc6455(
    sink, sink, LIMITS, '13', new Compression(sink, agreed(false), SETTINGS)
  )
  const expected = [['text', 'grüß 😀'], ['text', 'plain'], ['binary', '00ff'], ['text', ''], ['text', '']]
  const wrong = []
  for (const { name, sink } of cutEverywhere(bytes, create)) {
    if (!isDeepStrictEqual(sink.events, expected)) wrong.push([name, sink.events])
  }
  t.same(wrong, [])
})

t.test('RSV1 is valid on the first frame of a message only', async (t) => {
  const payload = deflateAlone(Buffer.from('in three pieces, compressed as one'))
  const pieces = [payload.subarray(0, 7), payload.subarray(7, 8), payload.subarray(8)] as const
  const first = clientFrame(1, pieces[0], { fin: false, isCompressed: true })
  const { sink, protocol } = setUpCompression()
  feed(protocol, Buffer.concat([
    first, clientFrame(9, 'ping'), clientFrame(0, pieces[1], { fin: false }), clientFrame(10, 'pong'),
    clientFrame(0, pieces[2])
  ]))
  t.same(sink.events, [['ping', 'ping'], ['pong', 'pong'], ['text', 'in three pieces, compressed as one']])
  for (const [name, broken] of [
    ['a continuation', [first, clientFrame(0, pieces[1], { isCompressed: true })]],
    ['a ping', [clientFrame(9, '', { isCompressed: true })]],
    ['a ping within a message', [first, clientFrame(9, '', { isCompressed: true })]],
    ['a close', [clientFrame(8, '', { isCompressed: true })]]
  ] as const) {
    const { sink, protocol } = setUpCompression()
    feed(protocol, Buffer.concat(broken))
    t.same(sink.events, [['fault', 'FST_WIRE_RSV', 1002], ['end']], name)
  }
})

t.test('a large compressed message is decompressed in the thread pool, and later bytes wait', async (t) => {
  for (const keepsContext of [false, true]) {
    const { sink, protocol, receive, resumed } = setUpCompression({ keepsContext })
    receive(text('before'), compressed(LARGE_BINARY, 2), text('behind'))
    t.same(sink.events.splice(0), [['text', 'before'], ['pauseInput']])
    receive(clientFrame(9, 'ping'), text('later'))
    t.same(sink.events, [])
    await resumed()
    const binary = ['binary', LARGE_BINARY.toString('hex')]
    t.same(sink.events, [binary, ['resumeInput'], ['text', 'behind'], ['ping', 'ping'], ['text', 'later']])
    protocol.abort()
  }
})

t.test('a large compressed message may be fragmented, and followed by another one', async (t) => {
  const { sink, receive, resumed } = setUpCompression()
  const payload = deflateAlone(LARGE_BINARY)
  receive(
    clientFrame(2, payload.subarray(0, 30_000), { fin: false, isCompressed: true }),
    clientFrame(0, payload.subarray(30_000)),
    compressed(LARGE_BINARY, 2), text('last')
  )
  await resumed()
  await resumed()
  const kinds = sink.events.map(([kind]) => kind)
  t.same(kinds, ['pauseInput', 'binary', 'resumeInput', 'pauseInput', 'binary', 'resumeInput', 'text'])
})

t.test('a close after a message that is being decompressed is handled after that message', async (t) => {
  const { sink, protocol, receive, resumed } = setUpCompression()
  receive(compressed(LARGE_BINARY, 2), clientFrame(8, Buffer.from('03e8', 'hex')), text('dropped'))
  t.equal(protocol.state, 'open')
  await resumed()
  t.same(sink.events.map(([kind]) => kind), ['pauseInput', 'binary', 'resumeInput', 'end'])
  t.equal(sink.written.toString('hex'), '880203e8')
  t.equal(protocol.closeCode, 1000)
})

t.test('nothing is emitted after an abort', async (t) => {
  const { sink, protocol, receive } = setUpCompression()
  receive(compressed(LARGE_BINARY, 2), text('behind'))
  protocol.abort()
  protocol.abort()
  t.same(sink.events, [['pauseInput'], ['end']])
  // Another message goes the same way, behind it.
  const other = setUpCompression()
  other.receive(compressed(LARGE_BINARY, 2))
  await other.resumed()
  t.same(sink.events, [['pauseInput'], ['end']])
})

t.test('a message that decompresses to more than the limit is refused at the limit', async (t) => {
  for (const [name, payload] of [
    ['on the spot', Buffer.alloc(20_001)], ['with a large limit', Buffer.alloc(50_000_000)]
  ] as const) {
    const { sink, receive, resumed, isPaused } = setUpCompression({ maxPayload: payload.length - 1 })
    receive(compressed(payload, 2), text('dropped'))
    if (isPaused()) await resumed()
    t.same(sink.events.filter(([kind]) => kind === 'fault' || kind === 'end' || kind === 'binary' ||
      kind === 'text'), [['fault', 'FST_WIRE_MESSAGE_SIZE', 1009], ['end']], name)
    t.equal(sink.written.toString('hex'), '880203f1', name)
  }
})

t.test('corrupt data closes 1007, and decompressed text that is not UTF-8 does too', async (t) => {
  const cases: Array<[string, Buffer, string]> = [
    ['corrupt', clientFrame(1, Buffer.alloc(8, 0xff), { isCompressed: true }), 'FST_WIRE_INFLATE'],
    ['corrupt, large', clientFrame(1, Buffer.alloc(LARGE, 0xff), { isCompressed: true }), 'FST_WIRE_INFLATE'],
    ['not UTF-8', compressed(Buffer.from([0xff])), 'FST_WIRE_UTF8'],
    ['not UTF-8, large', compressed(LARGE_BINARY), 'FST_WIRE_UTF8']
  ]
  for (const keepsContext of [false, true]) {
    for (const [name, bytes, code] of cases) {
      const { sink, protocol, receive, resumed, isPaused } = setUpCompression({ keepsContext })
      receive(bytes, text('dropped'))
      if (isPaused()) await resumed()
      t.same(sink.events.filter(([kind]) => !/Input$/.test(kind)), [['fault', code, 1007], ['end']], name)
      t.equal(sink.written.toString('hex'), '880203ef', name)
      t.equal(protocol.state, 'closed')
    }
  }
})

t.test('an incompressible message of exactly the limit is accepted, one more byte is not', async (t) => {
  for (const length of [10, 1_000, 16_000, LARGE]) {
    for (const [maxPayload, kind] of [[length, 'binary'], [length - 1, 'fault']] as const) {
      const payload = randomBytes(length)
      const { sink, receive, resumed, isPaused } = setUpCompression({ maxPayload })
      const bytes = compressed(payload, 2)
      t.ok(bytes.length > length + 5)
      receive(bytes)
      if (isPaused()) await resumed()
      t.equal(
        sink.events.find(([kind]) => !/Input$/.test(kind))?.[0], kind, `${length} bytes, a limit of ${maxPayload}`
      )
    }
  }
})

t.test('a compressed message that must exceed the limit is refused before it arrives', async (t) => {
  const { sink, protocol } = setUpCompression({ maxPayload: 100 })
  feed(protocol, clientFrame(2, Buffer.alloc(165), { isCompressed: true }).subarray(0, 8))
  t.same(sink.events, [['fault', 'FST_WIRE_MESSAGE_SIZE', 1009], ['end']])
})

t.test('with context takeover each side compresses with the context of earlier messages', async (t) => {
  const { sink, protocol, receive, resumed, isPaused } = setUpCompression({ keepsContext: true })
  const client = new WsClient(true, 15)
  const payloads = [json(3_000), json(3_000), LARGE_BINARY, json(3_000), json(60_000, 2), json(60_000, 2)]
  const sizes: number[] = []
  for (const payload of payloads) {
    const bytes = await client.compress(payload)
    sizes.push(bytes.length)
    receive(clientFrame(2, bytes, { isCompressed: true }))
    if (isPaused()) await resumed()
  }
  t.same(
    sink.events.filter(([kind]) => kind === 'binary').map(([, hex]) => hex),
    payloads.map((payload) => payload.toString('hex'))
  )
  t.ok(sizes[1]! < sizes[0]! / 5)
  for (const payload of payloads) protocol.send(payload, true, true, true)
  await new Promise<void>((resolve) => { protocol.whenOutput(resolve) })
  const frames = readFrames(sink.written)
  t.ok(frames[1]!.payload.length < frames[0]!.payload.length / 5)
  for (const [i, { payload }] of frames.entries()) {
    t.ok((await client.decompress(payload)).equals(payloads[i]!), `message ${i}`)
  }
  protocol.abort()
  client.close()
})

t.test('messages keep their order while a large one is compressed; a ping may overtake them', async (t) => {
  const { sink, protocol, written } = setUpCompression()
  const large = json(LARGE)
  t.equal(protocol.send(large.toString(), false, true, true), LARGE)
  protocol.send('small', false, true, true)
  protocol.send('a fragment ', false, false, true)
  protocol.send('and its end', false, true, true)
  protocol.sendMessage(new PreparedMessage(Buffer.from('for many'), false, true))
  protocol.ping(Buffer.from('now'))
  t.equal(protocol.compressing, LARGE + 5 + 22 + 10)
  await written()
  t.equal(protocol.compressing, 0)
  t.same(readFrames(sink.written).map(({ opcode, fin, isCompressed, payload }) => [
    opcode, fin, isCompressed, (isCompressed ? inflateAlone(payload) : payload).toString()
  ]), [
    [9, true, false, 'now'], [1, true, true, large.toString()], [1, true, false, 'small'],
    [1, false, false, 'a fragment '], [0, true, false, 'and its end'], [1, true, false, 'for many']
  ])
})

t.test('messages sent with compress: false, and all without the extension, stay uncompressed', async (t) => {
  const { sink, protocol } = setUpCompression()
  protocol.send(json(2_000), true, true, false)
  t.equal(readFrames(sink.written)[0]!.isCompressed, false)
  const plain = setUp()
  t.equal(plain.protocol.compressing, 0)
  plain.protocol.send(json(2_000), true, true, true)
  plain.protocol.sendMessage(new PreparedMessage(json(2_000), true, true))
  t.same(readFrames(plain.sink.written).map(({ isCompressed, payload }) => [isCompressed, payload.length]), [
    [false, 2_000], [false, 2_000]
  ])
  let called = false
  plain.protocol.whenOutput(() => { called = true })
  t.equal(called, true)
  plain.protocol.close()
  plain.protocol.sendMessage(new PreparedMessage(Buffer.from('late'), true, true))
  t.equal(readFrames(plain.sink.written).length, 3)
})

const CLOSE_1000 = Buffer.from('03e8', 'hex')

t.test('our close waits for pending compression, and its answer ends the connection', async (t) => {
  const { sink, protocol, written } = setUpCompression()
  protocol.send(json(LARGE), false, true, true)
  protocol.send('small', false, true, true)
  protocol.close(1000)
  t.equal(sink.pieces, 0)
  await written()
  t.same(readFrames(sink.written).map(({ opcode }) => opcode), [1, 1, 8])
  feed(protocol, clientFrame(8, CLOSE_1000))
  t.same(sink.events, [['end']])
})

t.test('a close of the peer is answered after pending compression', async (t) => {
  const { sink, protocol, written } = setUpCompression()
  protocol.send(json(LARGE), false, true, true)
  protocol.send('small', false, true, true)
  feed(protocol, Buffer.concat([clientFrame(8, CLOSE_1000), text('dropped')]))
  feed(protocol, text('dropped too'))
  t.equal(protocol.state, 'closing')
  protocol.send('too late', false, true, true)
  await written()
  t.same(readFrames(sink.written).map(({ opcode }) => opcode), [1, 1, 8])
  t.same(sink.events, [['end']])
  t.equal(protocol.closeCode, 1000)
})

t.test('our close is sent after pending compression even if the close of the peer has arrived', async (t) => {
  const { sink, protocol, written } = setUpCompression()
  protocol.send(json(LARGE), false, true, true)
  protocol.close(4000)
  feed(protocol, clientFrame(8, CLOSE_1000))
  t.same(sink.events, [])
  await written()
  const frames = readFrames(sink.written)
  t.same(frames.map(({ opcode }) => opcode), [1, 8])
  t.equal(frames[1]!.payload.readUInt16BE(), 4000)
  t.same(sink.events, [['end']])
  t.equal(protocol.closeCode, 1000)
})

t.test('a message is not sent if the peer is lost, or breaks a rule, while the message is compressed', async (t) => {
  const gone = setUpCompression()
  gone.protocol.send(json(LARGE), false, true, true)
  gone.protocol.close(1000)
  gone.protocol.receiveEnd()
  await gone.written()
  t.equal(gone.sink.pieces, 0)
  t.same(gone.sink.events, [['end']])
  const closed = setUpCompression()
  closed.protocol.send(json(LARGE), false, true, true)
  feed(closed.protocol, clientFrame(8, CLOSE_1000))
  closed.protocol.receiveEnd()
  await closed.written()
  t.equal(closed.sink.pieces, 0)
  t.same(closed.sink.events, [['end']])
  const broken = setUpCompression()
  broken.protocol.send(json(LARGE), false, true, true)
  broken.protocol.close(1000)
  feed(broken.protocol, Buffer.from('810161', 'hex'))
  await broken.written()
  t.equal(broken.sink.written.toString('hex'), '880203ea', 'one close, and its code is that of the fault')
})

t.test('random bytes with compression never throw', async (t) => {
  const random = createRandom(8)
  const wrong = []
  for (let round = 0; round < 1_000; round++) {
    const { sink, protocol } = setUpCompression()
    for (let i = random(5); i >= 0; i--) {
      const payload = random(2) === 0
        ? deflateAlone(Buffer.alloc(random(40), random(128)))
        : Buffer.from(Array.from({ length: random(9) }, () => random(256)))
      feed(protocol, clientFrame([0, 1, 2, 8, 9, 10][random(6)]!, payload, {
        fin: random(3) > 0, isCompressed: random(3) > 0
      }))
    }
    protocol.receiveEnd()
    if (sink.events.filter(([kind]) => kind === 'end').length !== 1) wrong.push([round, sink.events])
  }
  t.same(wrong, [])
})

t.test('isSendingFragments is true while a fragmented message is being sent', async (t) => {
  const { protocol } = setUp()
  t.equal(protocol.isSendingFragments, false)
  protocol.send('a', false, false, true)
  t.equal(protocol.isSendingFragments, true)
  protocol.send('b', false, true, true)
  t.equal(protocol.isSendingFragments, false)
})

t.test('no bytes are read after a message at which the receiver stops', async (t) => {
  const bytes = Buffer.concat([text('one'), text('two'), frame(9, 'ping'), text('three'), frame(8)])
  for (const cut of [bytes.length, 9, 10, 15, 30]) {
    const { sink, protocol } = setUp()
    const { message } = sink
    sink.message = (data, isBinary) => message.call(sink, data, isBinary) && data.toString() === 'three'
    let rest: Buffer = Buffer.concat([feed(protocol, bytes.subarray(0, cut)), bytes.subarray(cut)])
    t.same(sink.events.splice(0), [['text', 'one']])
    rest = feed(protocol, rest)
    t.same(sink.events.splice(0), [['text', 'two']])
    t.equal(rest.length, bytes.length - 18)
    t.equal(feed(protocol, rest).length, 0)
    t.same(sink.events, [['ping', 'ping'], ['text', 'three'], ['end']])
    t.equal(protocol.closeCode, 1005)
  }
})

t.test('no bytes are read after a decompressed message at which the receiver stops', async (t) => {
  const conversation = setUpCompression()
  const { sink, receive, resumed } = conversation
  const { message } = sink
  sink.message = (data, isBinary) => message.call(sink, data, isBinary) && false
  receive(compressed('one'), text('two'), compressed(LARGE_BINARY, 2), text('three'))
  t.same(sink.events.splice(0), [['text', 'one']])
  receive()
  t.same(sink.events.splice(0), [['text', 'two']])
  receive()
  await resumed()
  t.same(sink.events.splice(0).map(([kind]) => kind), ['pauseInput', 'binary', 'resumeInput', 'text'])
  t.equal(conversation.rest.length, 0)
})

t.test('reading stops after the frame that exhausts the budget', async (t) => {
  const receiveWith = (units: number, protocol: Rfc6455, bytes: Buffer): Buffer => {
    grant(units)
    const rest = feed(protocol, bytes)
    grant()
    return rest
  }
  const { sink, protocol } = setUp()
  const frames = [text('a'), frame(9, 'b'), frame(1, 'c', false), frame(0, 'd'), frame(10, 'e'), frame(8)]
  let rest: Buffer = Buffer.concat(frames)
  for (const [i, { length }] of frames.entries()) {
    const before = rest.length
    rest = receiveWith(1, protocol, rest)
    t.equal(before - rest.length, length, `frame ${i}`)
  }
  t.same(sink.events, [['text', 'a'], ['ping', 'b'], ['text', 'cd'], ['pong', 'e'], ['end']])
  t.equal(sink.written.toString('hex'), '8a01628800', 'the answers are in their order')

  // A few bytes may make many: what they are counts.
  const many = setUpCompression()
  const message = compressed(Buffer.alloc(100_000), 2)
  t.ok(message.length < 200)
  const repeated = Buffer.concat(new Array<Buffer>(50).fill(message))
  const kept = receiveWith(512, many.protocol, repeated)
  t.equal(many.sink.events.length, 5)
  t.equal(kept.length, 45 * message.length)
  // So do empty ones.
  const empty = setUpCompression()
  const nothing = Buffer.concat(new Array<Buffer>(1_000).fill(clientFrame(2, '', { isCompressed: true })))
  receiveWith(512, empty.protocol, nothing)
  t.ok(empty.sink.events.length < 100, String(empty.sink.events.length))
})

const LONGEST_STRING = /longest string of Node\.js/

t.test('a text longer than any string is refused before it arrives, whatever the limit; bytes are not', async (t) => {
  const limits = { maxPayload: Number.MAX_SAFE_INTEGER, maxFragments: 17 }
  const head = (first: number): Buffer => Buffer.from(
    `${first.toString(16).padStart(2, '0')}ff000000002000000000000000`, 'hex'
  )
  for (const first of [0x81, 0x01]) {
    const { sink, protocol } = setUp(limits)
    feed(protocol, head(first))
    t.same(sink.events, [['fault', 'FST_WIRE_MESSAGE_SIZE', 1009], ['end']])
    t.match(sink.reason, LONGEST_STRING)
  }
  const { sink, protocol } = setUp(limits)
  feed(protocol, head(0x82))
  t.same(sink.events, [])
})

t.test('a text that decompresses to more than any string is refused by that limit, and bytes by maxPayload',
  async (t) => {
    for (const [opcode, reason] of [[1, LONGEST_STRING], [2, /maxPayload/]] as const) {
      for (const isPooled of [false, true]) {
        const sink = new RecordingSink()
        const compression = new Compression(sink, agreed(false), SETTINGS)
        const tooBig = (limit: number): Fault => new MessageTooBig('maxPayload', limit)
        const inflater: Partial<Inflater> = {
          inflate: (_payload, limit) => {
            if (isPooled) return undefined
            throw tooBig(limit)
          },
          inflateLater: (_payload, limit, done) => { done(tooBig(limit), EMPTY_PAYLOAD) },
          close: () => {}
        }
        Object.assign(compression, { inflater })
        const limits = { maxPayload: Number.MAX_SAFE_INTEGER, maxFragments: 17 }
        feed(new Rfc6455(sink, sink, limits, '13', compression), clientFrame(opcode, 'x', { isCompressed: true }))
        t.same(sink.events.filter(([kind]) => !/Input$/.test(kind)), [['fault', 'FST_WIRE_MESSAGE_SIZE', 1009], ['end']])
        t.match(sink.reason, reason)
      }
    }
  })

t.test('changed limits apply to messages that begin afterwards', async (t) => {
  const { sink, protocol } = setUp()
  const roomy = { maxPayload: 100_000, maxFragments: 17 }
  const tight = { maxPayload: 4, maxFragments: 17 }
  feed(protocol, frame(1, 'a', false))
  protocol.limits = tight
  t.equal(protocol.limits, tight)
  feed(protocol, Buffer.concat([frame(0, 'bcdef', false), frame(9), frame(0, 'g')]))
  t.same(sink.events.splice(0), [['ping', ''], ['text', 'abcdefg']])
  t.equal(protocol.limits, tight)
  feed(protocol, text('four'))
  protocol.limits = roomy
  feed(protocol, text('a'.repeat(2_000)))
  t.same(sink.events.splice(0).map(([, data]) => String(data).length), [4, 2_000])
  protocol.limits = tight
  feed(protocol, text('fifth'))
  t.same(sink.events, [['fault', 'FST_WIRE_MESSAGE_SIZE', 1009], ['end']])
})

t.test('a peer that reads again gets the newest of its pings answered', async (t) => {
  const { sink, protocol } = setUp()
  Object.assign(sink, { isStalled: true })
  feed(protocol, Buffer.concat([frame(9, 'first'), frame(9, 'newest')]))
  t.same(sink.events, [['ping', 'first'], ['ping', 'newest']])
  t.equal(sink.written.length, 0)
  Object.assign(sink, { isStalled: false })
  protocol.drained()
  protocol.drained()
  t.equal(sink.written.toString('hex'), '8a06' + Buffer.from('newest').toString('hex'))
})
