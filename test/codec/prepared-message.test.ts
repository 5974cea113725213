import t from 'tap'
import { createDeflater, type Deflater } from '../../lib/deflate/deflate.js'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import type { DeflateCallback } from '../../lib/deflate/pool.js'
import { agreed, inflateAlone, json, SETTINGS } from '../fixtures/deflate.js'

/** A compressor that answers when it is told to. */
class SlowDeflater implements Deflater {
  readonly syncUpTo = -1
  readonly jobs: DeflateCallback[] = []

  deflate (): Buffer {
    throw new Error('never on the spot')
  }

  deflateLater (_payload: Buffer, done: DeflateCallback): void {
    this.jobs.push(done)
  }

  close (): void {}
}

t.test('each form is encoded once', async (t) => {
  const text = new PreparedMessage(Buffer.from('é'), false, true)
  t.equal(text.frame.toString('hex'), '8102c3a9')
  t.equal(text.frame, text.frame)
  t.equal(text.hixie.toString('hex'), '00c3a9ff')
  t.equal(text.hixie, text.hixie)
  t.equal(new PreparedMessage(Buffer.from('é'), true, true).frame.toString('hex'), '8202c3a9')
})

t.test('a small message is compressed synchronously, once per compressor', async (t) => {
  const payload = json(1_000)
  const [narrow, wide] = [9, 15].map((windowBits) => createDeflater(
    agreed(false, windowBits), SETTINGS
  )) as [Deflater, Deflater]
  for (const [isBinary, first] of [[false, 0xc1], [true, 0xc2]] as const) {
    const message = new PreparedMessage(payload, isBinary, true)
    const frame = message.compressedFrame(wide)!
    t.equal(frame[0], first)
    t.equal(frame[1], 126)
    t.equal(frame.readUInt16BE(2), frame.length - 4)
    t.ok(inflateAlone(frame.subarray(4)).equals(payload))
    t.equal(message.compressedFrame(wide), frame)
    const other = message.compressedFrame(narrow)!
    t.not(other, frame)
    t.ok(inflateAlone(other.subarray(4)).equals(payload))
  }
})

t.test('a large message is compressed in the thread pool, once for all callers', async (t) => {
  const deflater = createDeflater(agreed(false), SETTINGS)
  const payload = json(deflater.syncUpTo + 1)
  const message = new PreparedMessage(payload, false, true)
  t.equal(message.compressedFrame(deflater), undefined)
  const ask = () => new Promise<Buffer>((resolve) => { message.compressLater(deflater, resolve) })
  const [first, second] = await Promise.all([ask(), ask()])
  t.equal(first, second)
  t.equal(message.compressedFrame(deflater), first)
  t.equal(first[0], 0xc1)
  t.ok(inflateAlone(first.subarray(first[1] === 127 ? 10 : 4)).equals(payload))
})

t.test('two compressors do not wait for each other', async (t) => {
  const [one, two] = [new SlowDeflater(), new SlowDeflater()]
  const message = new PreparedMessage(Buffer.from('text'), false, true)
  const seen: string[] = []
  message.compressLater(one, () => { seen.push('one') })
  message.compressLater(two, () => { seen.push('two') })
  message.compressLater(one, () => { seen.push('one again') })
  t.same([one.jobs.length, two.jobs.length], [1, 1])
  two.jobs[0]!(undefined, Buffer.from('x'))
  t.same(seen, ['two'])
  one.jobs[0]!(undefined, Buffer.from('y'))
  t.same(seen, ['two', 'one', 'one again'])
  t.equal(message.compressedFrame(one)?.toString('hex'), 'c10179')
})

t.test('a message whose compression fails is sent uncompressed', async (t) => {
  const deflater = new SlowDeflater()
  const message = new PreparedMessage(Buffer.from('text'), false, true)
  const seen: Buffer[] = []
  message.compressLater(deflater, (frame) => { seen.push(frame) })
  deflater.jobs[0]!(new Error('no memory'), Buffer.alloc(0))
  t.same(seen, [message.frame])
  t.equal(message.compressedFrame(deflater), undefined)
})

t.test('a message of bytes is the same for the sockets of all routes', async (t) => {
  const message = new PreparedMessage(Buffer.from('a'), false, true)
  t.equal(message.formFor(undefined), message)
  t.equal(message.formFor({ write: String }), message)
})

t.test('a prepared message is not a frame of the live subprotocol, whatever it begins with', async (t) => {
  t.equal(new PreparedMessage(Buffer.from('\0{"type":"ping"}'), false, true).isFrame, false)
})

t.test('a text is encoded unchanged', async (t) => {
  const message = new PreparedMessage('grün', false, false)
  t.equal(message.payload.toString(), 'grün')
  t.equal(message.frame.toString('hex'), '81056772c3bc6e')
})
