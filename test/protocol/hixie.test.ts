import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { grant } from '../../lib/codec/budget.js'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { Hixie } from '../../lib/protocol/hixie.js'
import { createRandom, cutEverywhere, feed, RecordingSink } from '../fixtures/sink.js'

const LIMITS = { maxPayload: 100, maxFragments: 1 }

const setUp = (version: 'hixie-75' | 'hixie-76' = 'hixie-76') => {
  const sink = new RecordingSink()
  return { sink, protocol: new Hixie(sink, sink, LIMITS, version) }
}

const framed = (text: string): Buffer => Buffer.concat([Buffer.from([0]), Buffer.from(text), Buffer.from([255])])

t.test('the events are the same, wherever the bytes are split', async (t) => {
  const bytes = Buffer.concat([
    framed('grüß 😀'),
    Buffer.from('8003ff00ff', 'hex'), // skipped, though it holds 0xFF before any text
    framed(''),
    Buffer.from('05', 'hex'), framed('discarded').subarray(1),
    Buffer.from('818001aa', 'hex'), // a length of two groups
    Buffer.from('8000', 'hex'),
    framed('last'),
    Buffer.from('ff00', 'hex'),
    framed('behind the close')
  ])
  const expected = [[['text', 'grüß 😀'], ['text', ''], ['text', 'last'], ['end']], 'ff00', 1005, 'closed']
  const wrong = []
  for (const { name, sink, protocol } of cutEverywhere(bytes, (sink) => new Hixie(sink, sink, LIMITS, 'hixie-76'))) {
    const outcome = [sink.events, sink.written.toString('hex'), protocol.closeCode, protocol.state]
    if (!isDeepStrictEqual(outcome, expected)) wrong.push([name, outcome])
  }
  t.same(wrong, [])
})

t.test('FF 00 is an empty frame in hixie-75, which is discarded', async (t) => {
  const { sink, protocol } = setUp('hixie-75')
  feed(protocol, Buffer.concat([Buffer.from('ff00', 'hex'), framed('on')]))
  t.same(sink.events, [['text', 'on']])
})

t.test('a length has at most nine bytes, including padding', async (t) => {
  const padded = (bytes: number): Buffer => Buffer.concat([
    Buffer.alloc(bytes, 0x80), Buffer.from([2, 0x61, 0x62]), framed('next')
  ])
  const nine = setUp()
  feed(nine.protocol, padded(9))
  t.same(nine.sink.events, [['text', 'next']])
  const ten = setUp()
  feed(ten.protocol, padded(10))
  t.same(ten.sink.events, [['fault', 'FST_WIRE_HIXIE_LENGTH', 1002], ['end']])
})

t.test('invalid UTF-8 in a text is replaced by U+FFFD', async (t) => {
  const { sink, protocol } = setUp()
  feed(protocol, Buffer.from('00c328ff', 'hex'))
  t.same(sink.events, [['text', '\ufffd(']])
})

t.test('limits are checked before anything is buffered', async (t) => {
  const cases: Array<[string, Buffer, string]> = [
    ['a text', framed('x'.repeat(101)), 'FST_WIRE_MESSAGE_SIZE'],
    ['a text without an end', Buffer.alloc(102), 'FST_WIRE_MESSAGE_SIZE'],
    ['a length', Buffer.from('808165', 'hex'), 'FST_WIRE_MESSAGE_SIZE'],
    ['a length of many groups', Buffer.alloc(12, 0x80), 'FST_WIRE_HIXIE_LENGTH']
  ]
  for (const [name, bytes, code] of cases) {
    const { sink, protocol } = setUp()
    feed(protocol, bytes)
    t.match(sink.events, [['fault', code], ['end']], name)
    t.equal(sink.written.toString('hex'), 'ff00', name)
    const old = setUp('hixie-75')
    feed(old.protocol, bytes)
    t.match(old.sink.events, [['fault', code], ['end']], name)
    t.equal(old.sink.written.length, 0)
  }
})

t.test('a text of exactly the limit is accepted', async (t) => {
  const { sink, protocol } = setUp()
  feed(protocol, framed('x'.repeat(100)))
  t.same(sink.events, [['text', 'x'.repeat(100)]])
})

t.test('text is sent in its frame, and anything else throws', async (t) => {
  const { sink, protocol } = setUp()
  protocol.send('é', false, true)
  protocol.send(Buffer.from('b'), false, true)
  t.equal(sink.written.toString('hex'), '00c3a9ff0062ff')
  t.throws(() => { protocol.send('a', true, true) }, { code: 'FST_WIRE_NOT_SUPPORTED' })
  t.throws(() => { protocol.send('a', false, false) }, { code: 'FST_WIRE_NOT_SUPPORTED' })
  t.throws(() => { protocol.send(Buffer.from([255]), false, true) }, { code: 'FST_WIRE_TEXT' })
  t.throws(() => { protocol.ping() }, { code: 'FST_WIRE_NOT_SUPPORTED' })
  t.throws(() => { protocol.pong() }, { code: 'FST_WIRE_NOT_SUPPORTED' })
})

t.test('our close in hixie-76 waits for the answer', async (t) => {
  const { sink, protocol } = setUp()
  protocol.close(1000, 'not sent')
  protocol.close()
  protocol.send('late', false, true)
  t.equal(protocol.state, 'closing')
  feed(protocol, Buffer.concat([framed('crossing'), Buffer.from('ff00', 'hex')]))
  t.same(sink.events, [['text', 'crossing'], ['end']])
  t.equal(sink.written.toString('hex'), 'ff00')
  t.throws(() => { setUp().protocol.close(1005) }, { code: 'FST_WIRE_CLOSE_CODE' })
})

t.test('our close in hixie-75 ends the stream', async (t) => {
  const { sink, protocol } = setUp('hixie-75')
  protocol.close()
  t.same(sink.events, [['end']])
  protocol.receiveEnd()
  t.same(sink.events, [['end']])
  t.equal(protocol.closeCode, 1005)
})

t.test('the end of a stream is clean only in hixie-75 between two frames', async (t) => {
  for (const [version, bytes, code] of [
    ['hixie-75', framed('a'), 1005], ['hixie-75', Buffer.from([0]), 1006], ['hixie-76', framed('a'), 1006]
  ] as const) {
    const { sink, protocol } = setUp(version)
    feed(protocol, bytes)
    protocol.receiveEnd()
    t.equal(protocol.closeCode, code)
    t.same(sink.events.at(-1), ['end'])
  }
})

t.test('random bytes never throw', async (t) => {
  const random = createRandom(5)
  const open = []
  for (let round = 0; round < 3_000; round++) {
    const { protocol } = setUp(random(2) === 0 ? 'hixie-75' : 'hixie-76')
    for (let i = 0; i < 4; i++) {
      feed(protocol, Buffer.from(Array.from({ length: random(30) }, () => [0, 255, 128, random(256)][random(4)]!)))
    }
    protocol.receiveEnd()
    if (protocol.state !== 'closed') open.push(round)
  }
  t.same(open, [])
})

t.test('a prepared message is one frame for all sockets, and only text can be one', async (t) => {
  const peers = [setUp(), setUp('hixie-75')]
  const message = new PreparedMessage(Buffer.from('é'), false, true)
  const shared: Buffer[] = []
  for (const { sink, protocol } of peers) {
    sink.share = (frame) => { shared.push(frame) }
    protocol.sendMessage(message)
    t.throws(() => { protocol.sendMessage(new PreparedMessage(Buffer.from('é'), true, true)) }, {
      code: 'FST_WIRE_NOT_SUPPORTED'
    })
    t.throws(
      () => { protocol.sendMessage(new PreparedMessage(Buffer.from([0xff]), false, true)) }, { code: 'FST_WIRE_TEXT' }
    )
    protocol.close()
    protocol.sendMessage(message)
  }
  t.equal(shared.length, 2)
  t.equal(shared[0], shared[1])
  t.equal(shared[0]?.toString('hex'), '00c3a9ff')
})

t.test('messages are neither compressed nor delayed', async (t) => {
  const { protocol } = setUp()
  let called = false
  protocol.whenOutput(() => { called = true })
  t.equal(called, true)
  t.equal(protocol.compressing, 0)
})

t.test('nothing is emitted or sent after an abort', async (t) => {
  for (const version of ['hixie-75', 'hixie-76'] as const) {
    const { sink, protocol } = setUp(version)
    protocol.abort()
    protocol.abort()
    protocol.send('late', false, true)
    protocol.close()
    feed(protocol, framed('late'))
    t.same(sink.events, [['end']])
    t.equal(sink.written.length, 0)
    t.equal(protocol.closeCode, 1006)
  }
})

t.test('no bytes are read after a message at which the receiver stops', async (t) => {
  const { sink, protocol } = setUp()
  const { message } = sink
  sink.message = (data, isBinary) => message.call(sink, data, isBinary) && false
  let rest: Buffer = Buffer.concat([framed('a'), framed('b'), framed('c').subarray(0, 1)])
  rest = feed(protocol, rest)
  t.same(sink.events.splice(0), [['text', 'a']])
  t.equal(rest.length, 4)
  rest = feed(protocol, rest)
  t.same(sink.events.splice(0), [['text', 'b']])
  t.equal(feed(protocol, rest).length, 0)
  t.same(sink.events, [])
})

t.test('reading stops when the budget is exhausted, whatever the frames are', async (t) => {
  for (const [name, part] of [
    ['empty', '00ff'], ['discarded', '05ff'], ['skipped', '8000'], ['text', '0061ff']
  ] as const) {
    const { sink, protocol } = setUp()
    const bytes = Buffer.from(part.repeat(1_000), 'hex')
    grant(512)
    const rest = feed(protocol, bytes)
    grant()
    t.ok(rest.length > bytes.length / 2 && rest.length < bytes.length, `${name}: ${rest.length}`)
    t.equal(feed(protocol, rest).length, 0)
    t.equal(sink.events.length, name === 'empty' || name === 'text' ? 1_000 : 0)
  }
})

t.test('a text that exceeds the limit once its errors are replaced is refused', async (t) => {
  const { sink, protocol } = setUp()
  feed(protocol, Buffer.concat([Buffer.from([0]), Buffer.alloc(33, 0xfe), Buffer.from([255])]))
  t.same(sink.events.splice(0).map(([, data]) => String(data).length), [33])
  feed(protocol, Buffer.concat([Buffer.from([0]), Buffer.alloc(34, 0xfe), Buffer.from([255])]))
  t.same(sink.events, [['fault', 'FST_WIRE_MESSAGE_SIZE', 1009], ['end']])
})

t.test('a text that is longer than any string is refused by that limit', async (t) => {
  const { Hixie: Mocked } = await t.mockImport<typeof import('../../lib/protocol/hixie.js')>(
    '../../lib/protocol/hixie.js', {
    // The one that `feed()` fills: a mock gives copies of its modules to all that import them.
    '../../lib/codec/receive-buffer.js': { ...receiveBuffer },
    '../../lib/protocol/limits.js': {
      MAX_TEXT_LENGTH: 10,
      messageTooBig: (maxPayload: number, isText: boolean) => new Error(`${maxPayload} ${isText}`)
    }
  })
  for (const [bytes, reason] of [
    [Buffer.concat([Buffer.from([0]), Buffer.alloc(11, 0x61)]), '100 true'],
    // Four errors become twelve bytes.
    [Buffer.concat([Buffer.from([0]), Buffer.alloc(4, 0xfe), Buffer.from([255])]), '100 true'],
    [Buffer.from('808165', 'hex'), '100 false']
  ] as const) {
    const sink = new RecordingSink()
    feed(new Mocked(sink, sink, LIMITS, 'hixie-76'), bytes)
    t.equal(sink.reason, reason)
  }
})

t.test('changed limits apply to messages that begin afterwards', async (t) => {
  const { sink, protocol } = setUp()
  const tight = { maxPayload: 4, maxFragments: 1 }
  feed(protocol, framed('begun').subarray(0, 3))
  protocol.limits = tight
  t.equal(protocol.limits, tight)
  feed(protocol, framed('begun').subarray(3))
  feed(protocol, framed('four'))
  t.equal(protocol.limits, tight)
  protocol.limits = { maxPayload: 5, maxFragments: 1 }
  feed(protocol, framed('fifth'))
  protocol.limits = tight
  feed(protocol, framed('fifth'))
  t.same(sink.events, [
    ['text', 'begun'], ['text', 'four'], ['text', 'fifth'], ['fault', 'FST_WIRE_MESSAGE_SIZE', 1009], ['end']
  ])
})

t.test('a peer that reads again gets no answers, because there are no pings', async (t) => {
  const { sink, protocol } = setUp()
  protocol.drained()
  t.equal(sink.written.length, 0)
})
