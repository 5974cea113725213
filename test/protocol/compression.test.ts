import t, { type Test } from 'tap'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import { BINARY, CONTINUATION, TEXT } from '../../lib/codec/opcode.js'
import { Compression } from '../../lib/protocol/compression.js'
import { agreed, deflateAlone, inflateAlone, json, randomBytes, SETTINGS, WsClient } from '../fixtures/deflate.js'
import { readFrames, type ServerFrame } from '../fixtures/frames.js'
import { RecordingSink } from '../fixtures/sink.js'

const LARGE = 70_000

const setUp = (keepsContext = false, settings = SETTINGS) => {
  const sink = new RecordingSink()
  const compression = new Compression(sink, agreed(keepsContext), settings)
  const settled = (): Promise<void> => new Promise((resolve) => { compression.whenOutput(resolve) })
  return { sink, compression, settled }
}

const contents = (frames: ServerFrame[]): Array<[number, boolean, string]> =>
  frames.map(({ opcode, isCompressed, payload }) => [
    opcode, isCompressed, (isCompressed ? inflateAlone(payload) : payload).toString()
  ])

t.test('a message is compressed from the threshold on, if that is allowed', async (t) => {
  const { sink, compression } = setUp(false, { ...SETTINGS, threshold: 10 })
  t.equal(compression.send(TEXT, true, Buffer.from('x'.repeat(9)), true), 9)
  t.equal(compression.send(TEXT, true, Buffer.from('x'.repeat(10)), true), 10)
  t.equal(compression.send(BINARY, true, Buffer.from('x'.repeat(10)), true), 10)
  t.equal(compression.send(BINARY, true, Buffer.from('x'.repeat(10)), false), 10)
  t.same(contents(readFrames(sink.written)), [
    [1, false, 'x'.repeat(9)], [1, true, 'x'.repeat(10)], [2, true, 'x'.repeat(10)], [2, false, 'x'.repeat(10)]
  ])
  t.equal(compression.waiting, 0)
})

t.test('an empty message may be compressed', async (t) => {
  const { sink, compression } = setUp(false, { ...SETTINGS, threshold: 0 })
  compression.send(TEXT, true, Buffer.alloc(0), true)
  t.equal(sink.written.toString('hex'), 'c10100')
})

t.test('fragments are sent uncompressed', async (t) => {
  const { sink, compression } = setUp()
  compression.send(TEXT, false, json(2_000), false)
  compression.send(CONTINUATION, true, json(2_000), false)
  t.same(readFrames(sink.written).map(({ opcode, fin, isCompressed }) => [opcode, fin, isCompressed]), [
    [1, false, false], [0, true, false]
  ])
})

t.test('messages after a large one wait for their turn, and are counted', async (t) => {
  for (const keepsContext of [false, true]) {
    const { sink, compression, settled } = setUp(keepsContext)
    const client = new WsClient(keepsContext, 15)
    const [large, medium] = [json(LARGE, 1), json(5_000, 2)]
    const small = Buffer.from('small')
    const order: string[] = []
    compression.send(TEXT, true, large, true)
    compression.whenOutput(() => { order.push('large') })
    compression.send(TEXT, true, small, true)
    small.fill('!')
    compression.send(TEXT, true, medium, true)
    compression.sendMessage(new PreparedMessage(Buffer.from('for many'), false, true))
    compression.send(BINARY, true, large, true)
    compression.whenOutput(() => { order.push('large again') })
    compression.send(TEXT, true, Buffer.from('last'), true)
    t.same(order, [])
    t.equal(sink.pieces, 0)
    t.equal(compression.waiting, 2 * LARGE + 5_000 + 5 + 10 + 4)
    await settled()
    t.equal(compression.waiting, 0)
    t.same(order, ['large', 'large again'])
    const received: string[] = []
    for (const { payload, isCompressed } of readFrames(sink.written)) {
      received.push((isCompressed ? await client.decompress(payload) : payload).toString())
    }
    t.same(received, [large.toString(), 'small', medium.toString(), 'for many', large.toString(), 'last'])
    client.close()
    compression.close()
  }
})

t.test('with context takeover a repeated message is small', async (t) => {
  const { sink, compression } = setUp(true)
  for (let i = 0; i < 2; i++) compression.send(TEXT, true, json(3_000), true)
  const [first, second] = readFrames(sink.written) as [ServerFrame, ServerFrame]
  t.ok(second.payload.length < first.payload.length / 5)
  compression.close()
})

t.test('a prepared message is compressed once for all connections without their own context', async (t) => {
  const peers = [setUp(), setUp()]
  const message = new PreparedMessage(json(2_000), false, true)
  const shared: Buffer[] = []
  for (const { sink, compression } of peers) {
    sink.share = (frame) => { shared.push(frame) }
    compression.sendMessage(message)
  }
  t.equal(shared[0], shared[1])
  t.ok(inflateAlone(readFrames(shared[0]!)[0]!.payload).equals(message.payload))
})

t.test('a large prepared message is compressed once, and keeps its place', async (t) => {
  const peers = [setUp(), setUp()]
  const message = new PreparedMessage(json(LARGE), true, true)
  for (const { compression } of peers) {
    compression.sendMessage(message)
    compression.send(TEXT, true, Buffer.from('behind it'), true)
    t.equal(compression.waiting, LARGE + 9)
  }
  await Promise.all(peers.map(async ({ settled }) => { await settled() }))
  for (const { sink } of peers) {
    t.same(contents(readFrames(sink.written)), [[2, true, message.payload.toString()], [1, false, 'behind it']])
  }
})

t.test('a connection with its own context compresses a prepared message itself', async (t) => {
  const { sink, compression } = setUp(true)
  compression.sendMessage(new PreparedMessage(json(2_000), false, true))
  compression.sendMessage(new PreparedMessage(json(2_000), true, true))
  const frames = readFrames(sink.written)
  t.same(frames.map(({ opcode, isCompressed }) => [opcode, isCompressed]), [[1, true], [2, true]])
  t.ok(frames[1]!.payload.length < frames[0]!.payload.length / 5)
  compression.close()
})

t.test('a prepared message that is too small, or not compressible, is shared uncompressed', async (t) => {
  const { sink, compression } = setUp()
  const messages = [
    new PreparedMessage(json(2_000), false, false), new PreparedMessage(Buffer.from('small'), true, true)
  ]
  const shared: Buffer[] = []
  sink.share = (frame) => { shared.push(frame) }
  for (const message of messages) compression.sendMessage(message)
  t.same(shared, messages.map(({ frame }) => frame))
})

t.test('no waiting message is sent after the end, and waiting callbacks receive an error', async (t) => {
  for (const keepsContext of [false, true]) {
    const { sink, compression, settled } = setUp(keepsContext)
    compression.send(TEXT, true, json(LARGE), true)
    compression.send(TEXT, true, Buffer.from('a'), true)
    compression.sendMessage(new PreparedMessage(json(LARGE), false, true))
    compression.close()
    await settled()
    t.equal(sink.pieces, 0)
    t.equal(compression.waiting, 0)
  }
})

const failLate = async (t: Test, act: (compression: Compression) => void): Promise<ServerFrame[]> => {
  const {
    Compression: Failing
  } = await t.mockImport<typeof import('../../lib/protocol/compression.js')>('../../lib/protocol/compression.js', {
    '../../lib/deflate/deflate.js': {
      createDeflater: () => ({
        syncUpTo: 10,
        deflateLater: (_payload: Buffer, done: (
          error: Error
        ) => void) => { setImmediate(done, new Error('no memory')) },
        close () {}
      })
    }
  })
  const sink = new RecordingSink()
  const compression = new Failing(sink, agreed(false), SETTINGS)
  act(compression)
  await new Promise<void>((resolve) => { compression.whenOutput(resolve) })
  return readFrames(sink.written)
}

t.test('a message whose compression fails is sent uncompressed', async (t) => {
  const payload = json(LARGE)
  const own = await failLate(t, (compression) => { compression.send(BINARY, true, payload, true) })
  t.same(own.map(({ opcode, isCompressed }) => [opcode, isCompressed]), [[2, false]])
  t.ok(own[0]!.payload.equals(payload))
  const [shared] = await failLate(
    t, (compression) => { compression.sendMessage(new PreparedMessage(payload, false, true)) }
  )
  t.equal(shared!.isCompressed, false)
  t.ok(shared!.payload.equals(payload))
})

t.test('a Compression has the decompressor of its connection', async (t) => {
  const { compression } = setUp()
  const payload = randomBytes(500)
  t.ok(compression.inflater.inflate(deflateAlone(payload), 1_000)?.equals(payload))
})
