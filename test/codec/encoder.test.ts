import t from 'tap'
import {
  COMPRESSED, encodeFrame, encodeHixieText, encodeTextFrame, payloadOf, writeFrame, writeHixieText, writeTextFrame
} from '../../lib/codec/encoder.js'
import { RecordingSink } from '../fixtures/sink.js'

t.test('each length is encoded in its shortest form', async (t) => {
  const heads: Array<[number, string]> = [
    [0, '8200'], [125, '827d'], [126, '827e007e'], [65_535, '827effff'], [65_536, '827f0000000000010000']
  ]
  for (const [length, head] of heads) {
    const sink = new RecordingSink()
    const payload = Buffer.alloc(length, 1)
    writeFrame(sink, 2, true, payload)
    t.ok(sink.written.equals(Buffer.concat([Buffer.from(head, 'hex'), payload])), `${length} bytes`)
    const text = new RecordingSink()
    writeTextFrame(text, 2, true, payload.toString('latin1'))
    t.ok(text.written.equals(sink.written), `${length} bytes of text`)
  }
})

t.test('a small payload is copied next to its header, a large one is not copied', async (t) => {
  const small = new RecordingSink()
  writeFrame(small, 2, true, Buffer.alloc(16_384))
  t.equal(small.pieces, 1)
  const large = new RecordingSink()
  writeFrame(large, 2, true, Buffer.alloc(16_385))
  t.equal(large.pieces, 2)
})

t.test('a fragment has no FIN bit', async (t) => {
  const sink = new RecordingSink()
  writeTextFrame(sink, 1, false, 'é')
  t.equal(sink.written.toString('hex'), '0102c3a9')
})

t.test('a hixie text is one buffer at every size', async (t) => {
  for (const text of ['', 'é', 'x'.repeat(100_000)]) {
    for (const payload of [text, Buffer.from(text)]) {
      const sink = new RecordingSink()
      writeHixieText(sink, payload)
      t.equal(sink.pieces, 1)
      t.ok(sink.written.equals(Buffer.concat([Buffer.from([0]), Buffer.from(text), Buffer.from([255])])))
    }
  }
})

t.test('a shared frame equals a written one', async (t) => {
  for (const length of [0, 125, 126, 16_384, 16_385, 65_535, 65_536]) {
    const payload = Buffer.alloc(length, 1)
    const sink = new RecordingSink()
    writeFrame(sink, 1, true, payload)
    const frame = encodeFrame(1, payload)
    t.ok(frame.equals(sink.written), `${length} bytes`)
    payload.fill(2)
    t.ok(frame.equals(encodeFrame(1, Buffer.alloc(length, 1))), 'and does not change with the payload')
  }
  t.equal(encodeFrame(2 | COMPRESSED, Buffer.from([0])).toString('hex'), 'c20100')
})

t.test('a shared hixie text equals a written one', async (t) => {
  for (const text of ['', 'é', 'x'.repeat(100_000)]) {
    const sink = new RecordingSink()
    writeHixieText(sink, text)
    t.ok(encodeHixieText(Buffer.from(text)).equals(sink.written), `${text.length} characters`)
  }
})

t.test('a frame encoded from a string equals that of its bytes, and contains the payload', async (t) => {
  for (const length of [0, 125, 126, 65_535, 65_536]) {
    const text = 'é'.repeat(length >> 1) + 'x'.repeat(length & 1)
    const frame = encodeTextFrame(1, text)
    t.ok(frame.equals(encodeFrame(1, Buffer.from(text))), `${length} bytes`)
    t.equal(payloadOf(frame).toString(), text)
  }
})
