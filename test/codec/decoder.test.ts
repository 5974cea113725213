import t from 'tap'
import { Decoder, type FrameHandler } from '../../lib/codec/decoder.js'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { createRandom, receiveInChunks } from '../fixtures/sink.js'

class Recorder implements FrameHandler {
  readonly events: unknown[] = []
  refuseFrames = false
  refusePayloads = false
  #payload = ''

  frame (opcode: number, fin: boolean, isCompressed: boolean, length: number): boolean {
    this.events.push(isCompressed ? ['compressed', opcode, fin, length] : ['frame', opcode, fin, length])
    return !this.refuseFrames
  }

  payload (start: number, end: number, key: number, ends: boolean): boolean {
    receiveBuffer.unmask(start, end, key)
    this.#payload += receiveBuffer.bytes.toString('latin1', start, end)
    if (ends) {
      this.events.push(['payload', this.#payload])
      this.#payload = ''
    }
    return !this.refusePayloads
  }

  fault (error: { code: string }): void {
    this.events.push(error.code)
  }
}

const receive = (decoder: Decoder, bytes: Buffer): void => {
  receiveInChunks(bytes, (length) => { decoder.read(0, length) })
}

const read = (...chunks: Buffer[]): unknown[] => {
  const recorder = new Recorder()
  const decoder = new Decoder(recorder, false)
  for (const chunk of chunks) receive(decoder, chunk)
  return recorder.events
}

const masked = (head: string, payload: string): Buffer => {
  const mask = Buffer.from('37fa213d', 'hex')
  return Buffer.concat([
    Buffer.from(head, 'hex'), mask, Buffer.from(payload, 'latin1').map((byte, i) => byte ^ mask[i & 3]!)
  ])
}

t.test('the masked example of RFC 6455 §5.7', async (t) => {
  t.same(read(Buffer.from('818537fa213d7f9f4d5158', 'hex')), [['frame', 1, true, 5], ['payload', 'Hello']])
})

t.test('every form of length is decoded, wherever the bytes are split', async (t) => {
  const bytes = Buffer.concat([
    masked('8180', ''), masked('0283', 'abc'), masked('80fe007e', 'x'.repeat(126)), masked('8980', ''),
    masked('81ff0000000000010000', 'y'.repeat(65_536))
  ])
  const whole = read(bytes)
  t.equal(whole.length, 10)
  const lengths = Array.from({ length: 180 }, (_, at) => read(bytes.subarray(0, at), bytes.subarray(at)).length)
  t.same(new Set(lengths), new Set([10]))
  const small = bytes.subarray(0, 160)
  t.same(
    read(...Array.from(small, (byte) => Buffer.from([byte]))),
    whole.slice(0, 8).concat([['frame', 1, true, 65_536]]).slice(0, read(small).length)
  )
})

t.test('a protocol error is reported with the first bytes that show it', async (t) => {
  const cases: Array<[string, string]> = [
    ['c180', 'FST_WIRE_RSV'], ['a180', 'FST_WIRE_RSV'], ['9180', 'FST_WIRE_RSV'],
    ['8380', 'FST_WIRE_OPCODE'], ['8b80', 'FST_WIRE_OPCODE'],
    ['8101', 'FST_WIRE_MASK'],
    ['0980', 'FST_WIRE_CONTROL_FRAGMENT'], ['89fe', 'FST_WIRE_CONTROL_SIZE'],
    ['81fe007d', 'FST_WIRE_LENGTH_FORM'], ['81ff000000000000ffff', 'FST_WIRE_LENGTH_FORM'],
    ['81ff8000000000000000', 'FST_WIRE_LENGTH']
  ]
  for (const [hex, code] of cases) {
    const bytes = Buffer.from(hex, 'hex')
    t.same(read(bytes), [code], hex)
    t.same(read(bytes.subarray(0, 1), bytes.subarray(1)), [code], `${hex} in two pieces`)
  }
})

t.test('a length over 2^53 is reported as one that exceeds every limit', async (t) => {
  const [event] = read(masked('82ff7fffffffffffffff', '')) as [[string, number, boolean, number]]
  t.ok(event[3] > Number.MAX_SAFE_INTEGER)
})

t.test('a refused frame or payload ends the decoding', async (t) => {
  const bytes = Buffer.concat([masked('8181', 'a'), masked('8181', 'b')])
  const frames = new Recorder()
  frames.refuseFrames = true
  receive(new Decoder(frames, false), bytes)
  t.same(frames.events, [['frame', 1, true, 1]])
  const pieces = new Recorder()
  pieces.refuseFrames = true
  const decoder = new Decoder(pieces, false)
  for (const byte of bytes.subarray(0, 6)) receive(decoder, Buffer.from([byte]))
  t.same(pieces.events, [['frame', 1, true, 1]])
  const payloads = new Recorder()
  payloads.refusePayloads = true
  receive(new Decoder(payloads, false), bytes)
  t.same(payloads.events, [['frame', 1, true, 1], ['payload', 'a']])
})

t.test('RSV1 is reported if an extension uses it', async (t) => {
  const recorder = new Recorder()
  const decoder = new Decoder(recorder, true)
  receive(decoder, masked('c181', 'a'))
  receive(decoder, Buffer.from('a180', 'hex'))
  t.same(recorder.events, [['compressed', 1, true, 1], ['payload', 'a'], 'FST_WIRE_RSV'])
})

t.test('decoding stops at a refused payload, and continues there', async (t) => {
  const recorder = new Recorder()
  recorder.refusePayloads = true
  const decoder = new Decoder(recorder, false)
  receiveInChunks(Buffer.concat([masked('8181', 'a'), masked('8181', 'b')]), (length) => {
    const at = decoder.read(0, length)
    t.equal(at, 7)
    recorder.refusePayloads = false
    t.equal(decoder.read(at, length), length)
  })
  t.same(recorder.events, [['frame', 1, true, 1], ['payload', 'a'], ['frame', 1, true, 1], ['payload', 'b']])
})

t.test('random bytes are decoded or refused, and never throw', async (t) => {
  const random = createRandom(11)
  for (let round = 0; round < 2_000; round++) {
    const bytes = Buffer.from(Array.from({ length: random(40) }, () => random(256)))
    const decoder = new Decoder(new Recorder(), false)
    for (let at = 0; at < bytes.length; at += 7) receive(decoder, bytes.subarray(at, at + 7))
  }
  t.pass()
})
