import t from 'tap'
import { Decoder } from '../../lib/codec/decoder.js'
import { writeFrame } from '../../lib/codec/encoder.js'
import { Masking } from '../../lib/inject/masking.js'
import { takeBinary } from '../../lib/codec/payload.js'
import { receiveInChunks, RecordingSink } from '../fixtures/sink.js'

const SIZES = [0, 1, 125, 126, 65_535, 65_536]

/** Frames of a server, one of each length form. */
function frames (): Buffer {
  const sink = new RecordingSink()
  for (const size of SIZES) writeFrame(sink, 2, true, Buffer.alloc(size, 7))
  return sink.written
}

/** The payload lengths that a server's decoder reads, or the code of what it refuses. */
function decode (bytes: Buffer): Array<number | string> {
  const read: Array<number | string> = []
  const decoder = new Decoder({
    frame: (_opcode, _isLast, _isCompressed, length) => { read.push(length); return true },
    payload: (start, end, key) => takeBinary(start, end, key).every((byte) => byte === 7),
    fault: (error) => { read.push(error.code) }
  }, false)
  receiveInChunks(bytes, (length) => { decoder.read(0, length) })
  return read
}

t.test('frames after a head are masked, in every form of length and however they are split', async (t) => {
  const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'
  const bytes = Buffer.concat([Buffer.from(head), frames()])
  t.same(decode(frames()), ['FST_WIRE_MASK'])
  for (const step of [1, 3, 7, 1000, bytes.length]) {
    const masking = new Masking()
    const out: Buffer[] = []
    for (let at = 0; at < bytes.length; at += step) out.push(masking.apply(bytes.subarray(at, at + step)))
    const masked = Buffer.concat(out)
    t.equal(masked.toString('latin1', 0, head.length), head)
    t.same(decode(masked.subarray(head.length)), SIZES, `in steps of ${step}`)
  }
})

t.test('a refusal is passed on unchanged', async (t) => {
  const masking = new Masking()
  const answer = Buffer.from('HTTP/1.1 404 Not Found\r\n\r\nbody')
  t.equal(masking.apply(answer).toString(), answer.toString())
  t.equal(masking.apply(Buffer.from('810161', 'hex')).toString('hex'), '810161')
})

t.test('a request has a head like a response', async (t) => {
  const masking = new Masking()
  t.equal(masking.apply(Buffer.from('GET / HTTP/1.1\r\n\r\n')).toString(), 'GET / HTTP/1.1\r\n\r\n')
  t.equal(masking.apply(Buffer.from('810161', 'hex')).toString('hex'), '81810000000061')
})
