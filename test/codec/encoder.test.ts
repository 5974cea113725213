import t from 'tap'
import { writeFrame, writeHixieText, writeTextFrame } from '../../lib/codec/encoder.js'
import { RecordingSink } from '../fixtures/sink.js'

t.test('each length has its shortest form', async (t) => {
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

t.test('a small payload lies next to its header, a large one is not copied', async (t) => {
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

t.test('a hixie text is one piece at every size', async (t) => {
  for (const text of ['', 'é', 'x'.repeat(100_000)]) {
    for (const payload of [text, Buffer.from(text)]) {
      const sink = new RecordingSink()
      writeHixieText(sink, payload)
      t.equal(sink.pieces, 1)
      t.ok(sink.written.equals(Buffer.concat([Buffer.from([0]), Buffer.from(text), Buffer.from([255])])))
    }
  }
})
