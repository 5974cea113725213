import t from 'tap'
import { Rfc6455 } from '../../lib/protocol/rfc6455.js'
import { frame, text } from '../fixtures/client.js'
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

t.test('bytes cut at any place give the same events', async (t) => {
  const bytes = Buffer.concat([
    text('grüß 😀'), frame(2, Buffer.from([0, 255])), text(''), frame(1, 'ä', false), frame(9, 'ping'), frame(0, '', false), frame(0, 'ö'),
    frame(10, 'pong'), frame(8, Buffer.from('0fa0627965', 'hex'))
  ])
  const expected = [
    ['text', 'grüß 😀'], ['binary', '00ff'], ['text', ''], ['ping', 'ping'], ['text', 'äö'], ['pong', 'pong'], ['end']
  ]
  for (const { name, sink, protocol } of cutEverywhere(bytes, (sink) => new Rfc6455(sink, sink, LIMITS))) {
    t.strictSame(sink.events, expected, name)
    t.equal(sink.written.toString('hex'), '8a0470696e6788020fa0', name)
    t.equal(protocol.closeCode, 4000, name)
    t.equal(protocol.closeReason.toString(), 'bye', name)
  }
})

t.test('a ping during a fragmented message is answered at once', async (t) => {
  const { sink } = receive(frame(1, 'a', false), frame(9, 'now'))
  t.same(sink.events, [['ping', 'now']])
  t.equal(sink.written.toString('hex'), '8a036e6f77')
})

t.test('every broken rule has its close code, and what follows is dropped', async (t) => {
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
    ['fragments over the limit', [frame(2, Buffer.alloc(1000), false), frame(0, Buffer.alloc(25))], 'FST_WIRE_MESSAGE_SIZE', 1009],
    ['too many fragments', [frame(2, '', false), ...Array.from({ length: 17 }, () => frame(0, '', false))], 'FST_WIRE_FRAGMENTS', 1008],
    ['a close with one byte', [frame(8, 'a')], 'FST_WIRE_CLOSE_PAYLOAD', 1002],
    ['a close with a code that may not be sent', [frame(8, Buffer.from('03ed', 'hex'))], 'FST_WIRE_CLOSE_CODE_RECEIVED', 1002],
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

t.test('invalid text in a frame that has not ended is refused at once', async (t) => {
  const { sink, protocol } = setUp()
  const bytes = frame(1, Buffer.concat([Buffer.from('ok'), Buffer.from('f490', 'hex'), Buffer.from('never read')]))
  feed(protocol, bytes.subarray(0, 9))
  t.same(sink.events, [])
  feed(protocol, bytes.subarray(9, 10))
  t.same(sink.events, [['fault', 'FST_WIRE_UTF8', 1007], ['end']])
})

t.test('a message within the limit passes in fragments of 64 bytes', async (t) => {
  const payload = Buffer.alloc(1024, 'x')
  const fragments = Array.from({ length: 16 }, (_, i) => frame(i === 0 ? 2 : 0, payload.subarray(64 * i, 64 * i + 64), false))
  const { sink } = receive(...fragments, frame(0, ''))
  t.same(sink.events, [['binary', payload.toString('hex')]])
})

t.test('a close without a code is answered with one, and is 1005', async (t) => {
  const { sink, protocol } = receive(frame(8))
  t.equal(sink.written.toString('hex'), '8800')
  t.equal(protocol.closeCode, 1005)
})

t.test('after our close messages still come, and nothing is sent', async (t) => {
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

t.test('a fault after our close sends no second close', async (t) => {
  const { sink, protocol } = setUp()
  protocol.close(1000)
  feed(protocol, Buffer.from('810161', 'hex'))
  t.equal(sink.written.toString('hex'), '880203e8')
})

t.test('an end of the stream without a close is 1006', async (t) => {
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

t.test('control frames of more than 125 bytes are refused', async (t) => {
  const { protocol } = setUp()
  for (const verb of ['ping', 'pong'] as const) t.throws(() => { protocol[verb](Buffer.alloc(126)) }, { code: 'FST_WIRE_CONTROL_LENGTH' })
})

t.test('a listener that closes while a chunk is read does not stop it, a fault does', async (t) => {
  const { sink, protocol } = setUp()
  sink.message = (data) => {
    sink.events.push(data.toString())
    protocol.close(1000)
  }
  feed(protocol, Buffer.concat([text('a'), text('b')]))
  t.same(sink.events, ['a', 'b'])
  const ended = setUp()
  ended.sink.message = () => { ended.protocol.receiveEnd() }
  feed(ended.protocol, Buffer.concat([text('a'), text('b')]))
  t.same(ended.sink.events, [['end']])
})

t.test('the draft that is spoken is told', async (t) => {
  t.equal(new Rfc6455(new RecordingSink(), new RecordingSink(), LIMITS).version, '13')
  t.equal(new Rfc6455(new RecordingSink(), new RecordingSink(), LIMITS, '7').version, '7')
})

t.test('random bytes never throw, and never end without a fault or a close', async (t) => {
  const random = createRandom(3)
  for (let round = 0; round < 3_000; round++) {
    const { sink, protocol } = setUp()
    const pieces = Array.from({ length: 1 + random(6) }, () => random(2) === 0
      ? Buffer.from(Array.from({ length: random(20) }, () => random(256)))
      : frame([0, 1, 2, 8, 9, 10][random(6)]!, Buffer.from(Array.from({ length: random(9) }, () => random(256))), random(2) === 0))
    for (const piece of pieces) feed(protocol, piece)
    protocol.receiveEnd()
    t.equal(sink.events.filter((event) => (event as string[])[0] === 'end').length, 1)
  }
})
