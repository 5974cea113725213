import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import {
  encodeFrame, encodeHixieText, encodeTextFrame, payloadOf, writeFrame, writeHixieText, writeTextFrame
} from '../../lib/codec/encoder.js'
import { Utf8Validator } from '../../lib/codec/utf8.js'
import { Hixie } from '../../lib/protocol/hixie.js'
import { Rfc6455 } from '../../lib/protocol/rfc6455.js'
import { readFrames } from '../fixtures/frames.js'
import { feed, RecordingSink } from '../fixtures/sink.js'
import { bytes, cut, cuts, encodeRaw, holds, stream } from './properties.js'
import { LIMITS, TARGETS } from './targets.js'

const kind = fc.nat({ max: 5 })

t.test('a stream of frames gives the same events however it is split, and allocates little', async () => {
  await holds(
    400,
    fc.property(
      kind, fc.nat({ max: 255 }), stream,
      (first, seed, bytes) => { TARGETS.protocol(Buffer.concat([Buffer.of(first, seed), bytes])) }
    )
  )
})

t.test('random bytes give the same events however they are split, and allocate little', async () => {
  await holds(
    400,
    fc.property(
      kind, fc.nat({ max: 255 }), bytes(300),
      (first, seed, bytes) => { TARGETS.protocol(Buffer.concat([Buffer.of(first, seed), bytes])) }
    )
  )
})

t.test('received messages equal the sent ones, however they are fragmented and split', async (t) => {
  const message = fc.record({
    isBinary: fc.boolean(),
    data: fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(text)),
    at: cuts,
    ping: fc.boolean()
  })
  await holds(300, fc.property(fc.array(message, { maxLength: 8 }), cuts, (messages, chunks) => {
    const wire: Buffer[] = []
    const expected: unknown[] = []
    for (const { isBinary, data, at, ping } of messages) {
      const parts = cut(data, at.slice(0, 20))
      for (const [i, part] of parts.entries()) {
        const opcode = i > 0 ? 0 : isBinary ? 2 : 1
        wire.push(encodeRaw({
          first: opcode | (i === parts.length - 1 ? 0x80 : 0), isMasked: true, payload: part, form: 0
        }))
        if (!ping || i > 0) continue
        wire.push(encodeRaw({ first: 0x89, isMasked: true, payload: Buffer.from('p'), form: 0 }))
        if (parts.length > 1) expected.push(['ping', 'p'])
      }
      expected.push(isBinary ? ['binary', data.toString('hex')] : ['text', data.toString()])
      if (ping && parts.length === 1) expected.push(['ping', 'p'])
    }
    const sink = new RecordingSink()
    const protocol = new Rfc6455(sink, sink, LIMITS)
    for (const piece of cut(Buffer.concat(wire), chunks)) feed(protocol, Buffer.from(piece))
    return JSON.stringify(sink.events) === JSON.stringify(expected) || (t.same(sink.events, expected), false)
  }))
})

t.test('frames of the server are decoded as they were encoded, in each way of encoding', async () => {
  await holds(300, fc.property(fc.constantFrom(0, 1, 2, 8, 9, 10), fc.boolean(), fc.oneof(
    bytes(200), fc.constantFrom(125, 126, 16_384, 16_385, 65_535, 65_536).map((length) => Buffer.alloc(length, 'x'))
  ), (opcode, fin, payload) => {
    const sink = new RecordingSink()
    writeFrame(sink, opcode, fin, payload)
    const [frame, ...more] = readFrames(sink.written)
    const whole = readFrames(encodeFrame(opcode, payload))[0]
    return more.length === 0 && frame?.opcode === opcode && frame.fin === fin && frame.payload.equals(payload) &&
      whole?.fin === true && whole.payload.equals(payload) && payloadOf(encodeFrame(opcode, payload)).equals(payload)
  }))
  await holds(300, fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, fin) => {
    const sink = new RecordingSink()
    const length = writeTextFrame(sink, 1, fin, text)
    const [frame] = readFrames(sink.written)
    return length === Buffer.byteLength(text) && frame?.payload.equals(Buffer.from(text)) === true &&
      encodeTextFrame(1, text).equals(encodeFrame(1, Buffer.from(text)))
  }))
})

t.test('a hixie text is decoded as it was encoded', async () => {
  await holds(300, fc.property(fc.array(fc.string({
    unit: 'binary', maxLength: 60
  }), { maxLength: 6 }), cuts, (texts, chunks) => {
    const out = new RecordingSink()
    for (const text of texts) writeHixieText(out, text)
    const sink = new RecordingSink()
    const protocol = new Hixie(sink, sink, LIMITS, 'hixie-75')
    for (const piece of cut(out.written, chunks)) feed(protocol, Buffer.from(piece))
    return out.written.equals(Buffer.concat(texts.map((text) => encodeHixieText(Buffer.from(text))))) &&
      JSON.stringify(sink.events) === JSON.stringify(texts.map((text) => ['text', Buffer.from(text).toString()]))
  }))
})

// What is nearly text: runs of valid characters with a byte changed here and there.
const nearlyText = fc.tuple(fc.string({
  unit: 'binary', maxLength: 30
}), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 2 })).map(([text, changes]) => {
  const all = Buffer.from(text)
  for (const [at, byte] of changes) if (all.length > 0) all[at % all.length] = byte
  return all
})

t.test('invalid UTF-8 is refused at the first byte that makes it invalid, as by the decoder of Node.js', async () => {
  await holds(1_000, fc.property(fc.oneof(nearlyText, bytes(24)), cuts, (all, lengths) => {
    // The decoder of the Encoding Standard, byte by byte.
    const decoder = new TextDecoder('utf-8', { fatal: true })
    let bad = 0
    try {
      for (; bad < all.length; bad++) decoder.decode(all.subarray(bad, bad + 1), { stream: true })
    } catch {}
    const byBytes = new Utf8Validator()
    let refused = 0
    while (refused < all.length && byBytes.append(all, refused, refused + 1)) refused++
    const byPieces = new Utf8Validator()
    const passes = cut(all, lengths).every((piece) => byPieces.append(piece, 0, piece.length)) && byPieces.end()
    return refused === bad && passes === isUtf8(all)
  }))
})
