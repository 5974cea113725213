// Peers that break the rules, or keep them in order to do harm, once their handshake is done: what the server holds for
// them, what they are answered, and how many turns of the loop others wait meanwhile.
import t, { type Test } from 'tap'
import type { SocketRouteOptions, WireSocket } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { closeFrame, RawClient, text, upgradeHead } from '../fixtures/client.js'
import { deflateAlone, randomBytes } from '../fixtures/deflate.js'
import { clientFrame } from '../fixtures/frames.js'
import { turn } from '../fixtures/memory.js'
import { heldBytes, heldSince } from './held.js'
import { addHonestRoute, HonestPeer, MOST_TURNS } from './honest.js'

const MEBIBYTE = 1_048_576
const DEFLATE = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

/** What the sockets of /demo got, and the code of each close. */
interface Seen {
  readonly port: number
  readonly messages: number[]
  readonly closes: number[]
  readonly sockets: WireSocket[]
  readonly allClosed: (count: number) => Promise<void>
}

const serve = async (t: Test, options: SocketRouteOptions = {}): Promise<Seen> => {
  const app = await createApp(t)
  addHonestRoute(app)
  const messages: number[] = []
  const closes: number[] = []
  const sockets: WireSocket[] = []
  let notify = (): void => {}
  app.ws('/demo', options, (socket) => {
    sockets.push(socket)
    socket.on('message', (data: Buffer) => { messages.push(data.length) })
    socket.on('close', (code) => {
      closes.push(code)
      notify()
    })
  })
  const port = await listen(app)
  const allClosed = async (count: number): Promise<void> => {
    while (closes.length < count) await new Promise<void>((resolve) => { notify = resolve })
  }
  return { port, messages, closes, sockets, allClosed }
}

const connect = async (t: Test, port: number, headers: Record<string, string> = {}): Promise<RawClient> => {
  const client = new RawClient(t, port)
  await client.upgrade('/demo', headers)
  return client
}

const expectClose = async (t: Test, client: RawClient, code: number, name: string): Promise<void> => {
  const { opcode, payload } = await client.readFrame()
  t.equal(opcode, 8, name)
  t.equal(payload.readUInt16BE(), code, name)
}

/** The head of a masked frame of this length, with nothing behind it. */
const headOf = (opcode: number, length: bigint, fin = true): Buffer => {
  const head = Buffer.alloc(14)
  head[0] = (fin ? 0x80 : 0) | opcode
  head[1] = 0xff
  head.writeBigUInt64BE(length, 2)
  return head
}

t.test('a frame that announces gigabytes is refused by its header, without allocating', async (t) => {
  const { port, closes, allClosed } = await serve(t)
  const before = await heldBytes()
  const lengths = [
    BigInt(MEBIBYTE) + 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n
  ]
  for (const length of lengths) {
    const client = await connect(t, port)
    client.write(headOf(2, length))
    await expectClose(t, client, length < 2n ** 63n ? 1009 : 1002, String(length))
    await client.readEnd()
    client.socket.end()
  }
  await allClosed(lengths.length)
  t.equal(closes.length, lengths.length)
  t.ok(await heldSince(before, MEBIBYTE) < MEBIBYTE)
})

t.test('peers that announce large messages and send little allocate eight times what they sent at most', async (t) => {
  const { port, messages, sockets } = await serve(t)
  const clients = await Promise.all(Array.from({ length: 100 }, () => connect(t, port)))
  const before = await heldBytes()
  const sent = Buffer.concat([headOf(2, BigInt(MEBIBYTE)), Buffer.alloc(1_000)])
  for (const client of clients) client.write(sent)
  const honest = await HonestPeer.connect(t, port)
  for (let i = 0; i < 20; i++) await honest.echo()
  const limit = 100 * 8 * 1_024 + MEBIBYTE
  const held = await heldSince(before, limit)
  t.ok(held < limit, `${held} bytes for ${100 * sent.length}`)
  t.same(messages, [])
  for (const socket of sockets) socket.terminate()
})

t.test('endless fragments close with 1008, empty or not, and allocate no more than the limit', async (t) => {
  const { port, messages, allClosed, closes } = await serve(t, { maxPayload: 65_536 })
  const honest = await HonestPeer.connect(t, port)
  const before = await heldBytes()
  for (const [name, payload, code] of [
    ['empty', '', 1008], ['of one byte', 'x', 1008], ['of 1000 bytes', 'x'.repeat(1_000), 1009]
  ] as const) {
    const client = await connect(t, port)
    client.write(clientFrame(2, payload, { fin: false }))
    client.write(Buffer.concat(Array<Buffer>(4_000).fill(clientFrame(0, payload, { fin: false }))))
    await honest.echoUntil(allClosed(closes.length + 1))
    await expectClose(t, client, code, name)
    client.socket.destroy()
  }
  t.same(messages, [])
  t.ok(honest.most <= MOST_TURNS, `${honest.most} turns`)
  t.ok(await heldSince(before, MEBIBYTE) < MEBIBYTE)
})

t.test('floods of control frames and fragments leave time for other sockets in every turn', async (t) => {
  const { port, allClosed, closes } = await serve(t)
  const honest = await HonestPeer.connect(t, port)
  const floods: ReadonlyArray<readonly [string, Buffer, Buffer?]> = [
    ['pings', clientFrame(9, 'ping')],
    ['pongs', clientFrame(10, 'pong')],
    ['fragments', clientFrame(0, '', { fin: false }), clientFrame(1, '', { fin: false })],
    ['empty messages', clientFrame(2)],
    ['messages in two fragments', Buffer.concat([clientFrame(1, 'a', { fin: false }), clientFrame(0, 'b')])]
  ]
  for (const [name, flood, first = Buffer.alloc(0)] of floods) {
    const client = await connect(t, port)
    client.socket.on('data', () => { client.received = Buffer.alloc(0) })
    honest.most = 0
    client.write(Buffer.concat([first, ...Array<Buffer>(6_000).fill(flood), closeFrame(1000)]))
    const most = await honest.echoUntil(allClosed(closes.length + 1))
    t.ok(most <= MOST_TURNS, `${name}: ${most} turns`)
    t.equal(closes.at(-1), 1000, name)
  }
})

t.test('a decompression bomb is refused at the limit', async (t) => {
  const { port, messages, closes, allClosed } = await serve(t, { perMessageDeflate: true, maxPayload: MEBIBYTE })
  const honest = await HonestPeer.connect(t, port)
  // 64 MiB in 64 KiB; and blocks that are empty, of which each costs a table of codes.
  const bombs = [deflateAlone(Buffer.alloc(64 * MEBIBYTE)), Buffer.concat([
    ...Array<Buffer>(60_000).fill(Buffer.from('000000ffff', 'hex')), Buffer.of(0)
  ])]
  const before = await heldBytes()
  for (let round = 0; round < 3; round++) {
    const client = await connect(t, port, DEFLATE)
    client.write(clientFrame(2, bombs[0], { isCompressed: true }))
    await honest.echoUntil(allClosed(closes.length + 1))
    await expectClose(t, client, 1009, `bomb ${round}`)
    client.socket.destroy()
  }
  const limit = 2 * MEBIBYTE
  const held = await heldSince(before, limit)
  t.ok(held < limit, `${held} bytes are held behind three bombs`)
  t.same(messages, [])
  const client = await connect(t, port, DEFLATE)
  client.write(Buffer.concat([clientFrame(2, bombs[1], { isCompressed: true }), closeFrame(1000)]))
  await honest.echoUntil(allClosed(closes.length + 1))
  t.same(messages, [0])
  t.ok(honest.most <= MOST_TURNS, `${honest.most} turns`)
})

t.test('bytes after a close frame are dropped, and do not keep the connection open', async (t) => {
  const { port, messages, closes, allClosed } = await serve(t)
  const client = await connect(t, port)
  client.write(closeFrame(1000))
  const flood = Buffer.concat(Array<Buffer>(1_000).fill(text('x'.repeat(1_000))))
  for (let i = 0; i < 16 && client.socket.writable; i++) client.socket.write(flood)
  await allClosed(1)
  t.same(closes, [1000])
  t.same(messages, [])
})

t.test('a peer that does not answer a close and keeps sending is disconnected', async (t) => {
  const { port, closes, sockets, allClosed } = await serve(t, { closeTimeout: 50 })
  const client = await connect(t, port)
  const [socket] = sockets as [WireSocket]
  socket.close(1000)
  const flood = Buffer.concat(Array<Buffer>(1_000).fill(text('x'.repeat(1_000))))
  const over = allClosed(1)
  const state = { isOver: false }
  over.then(() => { state.isOver = true }, () => {})
  while (!state.isOver) {
    if (client.socket.writableLength < 8 * MEBIBYTE && client.socket.writable) client.socket.write(flood)
    await turn()
  }
  t.same(closes, [1006])
})

for (const policy of ['close', 'drop', 'latest', 'wait'] as const) {
  t.test(`peers that never read cost only their own queues, however much is broadcast: ${policy}`, async (t) => {
    const LIMIT = 262_144
    const { port, sockets, closes, allClosed } = await serve(t, { backpressure: { limit: LIMIT, policy } })
    const honest = await HonestPeer.connect(t, port)
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(t, port)))
    for (const client of clients) client.socket.pause()
    const before = await heldBytes()
    const isOpen = ({ readyState, OPEN }: WireSocket): boolean => readyState === OPEN
    // What the system takes is not held here.
    for (const socket of sockets) {
      while (isOpen(socket) && socket.bufferedAmount === 0) {
        for (let i = 0; i < 8 && isOpen(socket); i++, await turn()) socket.send(Buffer.alloc(65_536))
      }
    }
    for (let i = 0; i < 100; i++) {
      for (const socket of sockets) if (isOpen(socket)) socket.send(Buffer.alloc(8_192))
      if (i % 8 === 0) await honest.echo()
    }
    const limit = 20 * 1.5 * LIMIT + MEBIBYTE
    const held = await heldSince(before, limit)
    // Room that is not used is a quarter of it at most, and a message may go past the limit.
    t.ok(held < limit, `${held} bytes for twenty peers`)
    t.ok(honest.most <= MOST_TURNS, `${honest.most} turns`)
    if (policy === 'close') t.notOk(sockets.some(isOpen))
    else t.same(closes, [])
    const hasDropped = sockets.map(({ traffic }) => traffic.messagesDropped > 0)
    t.ok(hasDropped.every((dropped) => dropped === (policy === 'drop' || policy === 'latest')))
    for (const socket of sockets) socket.terminate()
    await allClosed(20)
  })
}

t.test('garbage after the handshake is a protocol error of that peer, and affects no other', async (t) => {
  const { port, closes, allClosed } = await serve(t, { perMessageDeflate: true })
  const random = randomBytes(40 * 512, 20)
  for (let i = 0; i < 40; i++) {
    const client = new RawClient(t, port)
    client.socket.end(Buffer.concat([
      Buffer.from(upgradeHead('/demo', DEFLATE)), random.subarray(i * 512, (i + 1) * 512)
    ]))
    t.match(await client.readHead(), /^HTTP\/1\.1 101 /)
  }
  await allClosed(40)
  t.ok(closes.every((code) => code === 1006 || code === 1005 || (code >= 1000 && code <= 4999)))
})
