// How a socket lives: silent peers, slow ones, floods, and the end of the application.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import t from 'tap'
import type { BackpressureOptions, WireSocket } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { closeFrame, closeOf, frame, RawClient, text, upgradeHead } from '../fixtures/client.js'
import { FakeClock } from '../fixtures/clock.js'
import { converse } from '../fixtures/conversation.js'
import { clientFrame } from '../fixtures/frames.js'
import { turn } from '../fixtures/memory.js'
import { writeBundle } from '../fixtures/processes.js'

const MEBIBYTE = 1_048_576

// The heartbeat

t.test('a silent peer is terminated with 1006 and a log line, a peer that answers pings stays', async (t) => {
  const clock = new FakeClock(t)
  const lines: string[] = []
  // Heartbeats with equal settings are one, with the clock of the first: no other test has these.
  const app = await createApp(t, { heartbeat: { interval: 20_000, timeout: 41_000 } }, {
    logger: { level: 'info', stream: { write (line: string) { lines.push(line) } } }
  })
  const sockets: WireSocket[] = []
  app.ws('/demo', (socket) => { sockets.push(socket) })
  const port = await listen(app)
  const silent = new RawClient(t, port)
  await silent.upgrade()
  const closed = closeOf(sockets[0] as WireSocket)
  const answering = new RawClient(t, port)
  await answering.upgrade()
  // A check may be late by a tenth of the interval.
  clock.advance(22_000)
  t.equal((await silent.readFrame()).opcode, 9)
  // Two pings in the time of the silent peer: the answer to the first has to be read before the second.
  for (let i = 0; i < 2; i++) {
    const { opcode, payload } = await answering.readFrame()
    t.equal(opcode, 9)
    answering.write(frame(10, payload))
    while (app.websocketServer.metrics().latency.count === i) await turn()
    clock.advance(22_000)
  }
  t.equal(sockets[1]?.latency, 0)
  t.equal(await closed, 1006)
  t.equal(sockets[1]?.readyState, 1)
  t.match(lines.join(''), 'no answer to a ping within 41000 ms')
})

t.test('a client of injectWS answers the pings of the heartbeat', async (t) => {
  const app = await createApp(t, { heartbeat: { interval: 10, timeout: 60_000 } })
  const opened = new Promise<WireSocket>((resolve) => { app.ws('/demo', resolve) })
  // The heartbeat would not keep the process alive.
  await listen(app)
  const client = await app.injectWS('/demo')
  await once(client, 'ping')
  await once(client, 'ping')
  t.type((await opened).latency, 'number')
  client.terminate()
})

t.test('a route with heartbeat: false does not terminate silent peers', async (t) => {
  const app = await createApp(t, { heartbeat: { interval: 5, timeout: 5 } })
  app.ws('/off', { heartbeat: false }, (socket) => { socket.on('message', () => { socket.send('still here') }) })
  app.ws('/on', () => {})
  const port = await listen(app)
  const off = new RawClient(t, port)
  await off.upgrade('/off')
  const on = new RawClient(t, port)
  await on.upgrade('/on')
  await on.readEnd()
  off.write(text('x'))
  t.equal(await off.readText(), 'still here')
})

// Slow consumers

/** Sends to a peer that reads nothing, so much at a time, and says how much waited at most. */
async function overwhelm (
  socket: WireSocket, act: (payload: Buffer) => void, payload = Buffer.alloc(65_536)
): Promise<number> {
  let most = 0
  for (let i = 0; i < 600; i++) {
    act(payload)
    most = Math.max(most, socket.bufferedAmount)
    if (i % 8 === 0) await turn()
  }
  return most
}

const LIMIT = 2 * MEBIBYTE

for (const policy of ['close', 'drop', 'latest', 'wait'] as const) {
  t.test(`${policy}: at most the limit plus one message is queued for a stalled peer`, async (t) => {
    // With the policy 'close', the peer has closeTimeout to answer.
    const clock = new FakeClock(t)
    const app = await createApp(t, { backpressure: { limit: LIMIT, policy } })
    const sockets: WireSocket[] = []
    app.ws('/demo', (socket) => { sockets.push(socket) })
    const port = await listen(app)
    const slow = new RawClient(t, port)
    await slow.upgrade()
    slow.socket.pause()
    const fast = new RawClient(t, port)
    await fast.upgrade()
    const [slowSocket, fastSocket] = sockets as [WireSocket, WireSocket]
    const results = new Set<string>()
    const most = await overwhelm(slowSocket, (payload) => { results.add(slowSocket.send(payload)) })
    t.ok(most <= LIMIT + 65_546, `${most} bytes`)
    t.ok(results.has('queued'))
    t.equal(results.has('refused'), policy !== 'latest')
    t.equal(slowSocket.traffic.messagesDropped > 0, policy === 'drop' || policy === 'latest')
    t.equal(slowSocket.readyState, policy === 'close' ? 2 : 1)
    t.equal(fastSocket.send('quick'), 'sent')
    t.equal(await fast.readText(), 'quick')
    const closed = closeOf(slowSocket)
    if (policy === 'close') clock.advance(500)
    else slowSocket.terminate()
    t.equal(await closed, 1006)
  })
}

t.test('more than the limit can be sent to a fast peer in one tick', async (t) => {
  const { client, socket } = await converse(t, { backpressure: { limit: 1_000 } })
  // A stream does not report within the tick how much the kernel takes.
  const isDirect = process.env['WIRE_DIRECT_IO'] !== 'off'
  for (let i = 0; i < 20; i++) {
    t.equal(socket.send('x'.repeat(600)), 'sent')
    if (!isDirect) await turn()
  }
  for (let i = 0; i < 20; i++) t.equal((await client.readText()).length, 600)
})

t.test('more than the limit can be broadcast to fast peers in one tick', async (t) => {
  const app = await createApp(t, { backpressure: { limit: LIMIT, policy: 'drop' } })
  const sockets: WireSocket[] = []
  app.ws('/demo', (socket) => { sockets.push(socket) })
  const port = await listen(app)
  const slow = new RawClient(t, port)
  await slow.upgrade()
  slow.socket.pause()
  const fast = new RawClient(t, port)
  await fast.upgrade()
  const [socket] = sockets as [WireSocket]
  const counts = new Set<number>()
  const traffic = { received: 0 }
  fast.socket.removeAllListeners('data').on('data', (bytes: Buffer) => { traffic.received += bytes.length })
  const most = await overwhelm(socket, (payload) => { counts.add(app.websocketServer.broadcast(payload)) })
  t.ok(most <= LIMIT + 65_546, `${most} bytes`)
  t.ok(counts.has(1) && counts.has(2))
  while (traffic.received < 600 * 65_546) await once(fast.socket, 'data')
  t.equal(traffic.received, 600 * 65_546)
  socket.terminate()
})

t.test('latest: a peer that reads again receives the newest message of each kind', async (t) => {
  const { client, socket } = await converse(t, {
    backpressure: { policy: 'latest' } satisfies { policy: BackpressureOptions['policy'] }
  })
  client.socket.pause()
  for (let i = 0; i < 10 || socket.send('probe', { kind: 'probe' }) === 'sent'; i++) {
    socket.send(Buffer.alloc(MEBIBYTE), { kind: `filler ${i}` })
    await turn()
  }
  for (let i = 0; i <= 100; i++) {
    socket.send(`price ${i}`, { kind: 'price' })
    socket.send(`volume ${i}`, { kind: 'volume' })
  }
  client.socket.resume()
  const texts: string[] = []
  while (texts.length < 3) {
    const { opcode, payload } = await client.readFrame()
    if (opcode === 1 && payload.toString() !== 'probe') texts.push(payload.toString())
    else if (opcode === 1 && texts.length === 0) texts.push('probe')
  }
  t.same(texts.slice(-2), ['price 100', 'volume 100'])
})

t.test('sent() paces a producer to its peer', async (t) => {
  const { client, socket } = await converse(t, { backpressure: { limit: 100_000, policy: 'wait' } })
  const traffic = { received: 0 }
  let most = 0
  client.socket.removeAllListeners('data').on('data', (bytes: Buffer) => { traffic.received += bytes.length })
  for (let i = 0; i < 100; i++) {
    await socket.sent(Buffer.alloc(300_000))
    most = Math.max(most, socket.bufferedAmount)
  }
  t.ok(most < 300_011, `${most} bytes`)
  while (traffic.received < 100 * 300_010) await once(client.socket, 'data')
})

t.test('a peer that floods pings and reads nothing gets its newest ping answered, and costs no memory', async (t) => {
  const { client, socket } = await converse(t)
  client.socket.pause()
  let pings = 0
  let most = 0
  const last = new Promise<void>((resolve) => {
    socket.on('ping', (data) => {
      pings++
      most = Math.max(most, socket.bufferedAmount)
      if (data.toString() === 'last') resolve()
    })
  })
  // Nothing more fits, from here on.
  socket.send(Buffer.alloc(8 * MEBIBYTE))
  await turn()
  const before = socket.bufferedAmount
  const flood = Buffer.concat(Array(2_000).fill(clientFrame(9, 'x'.repeat(125))))
  for (let i = 0; i < 40; i++) {
    if (!client.socket.write(flood)) await once(client.socket, 'drain')
  }
  client.write(clientFrame(9, 'last'))
  await last
  t.equal(pings, 80_001)
  t.ok(most <= before + 65_536, `${most - before} bytes of pongs`)
  client.socket.resume()
  t.equal((await client.readFrame()).opcode, 2)
  let pong = await client.readFrame()
  while (pong.payload.toString() !== 'last') pong = await client.readFrame()
  t.equal(pong.opcode, 10)
})

// Inbound

t.test('a peer that sends faster than the listener reads is slowed by TCP, not buffered in memory', async (t) => {
  const flood = text('y'.repeat(60_000))
  for (const way of ['for await', 'pause'] as const) {
    const { client, socket } = await converse(t)
    const messages = way === 'for await' ? socket[Symbol.asyncIterator]() : undefined
    if (way === 'pause') socket.pause()
    else await Promise.all([messages?.next(), new Promise((resolve) => { client.socket.write(flood, resolve) })])
    let written = 0
    while (client.socket.write(flood) || client.socket.writableLength < 32 * MEBIBYTE) {
      written++
      if (written % 50 === 0) await turn()
    }
    for (let i = 0; i < 20; i++) await turn()
    // The application or the kernel holds a message or two.
    const taken = socket.traffic.bytesReceived
    t.ok(taken < 4 * 65_536, `${way}: ${taken} bytes taken`)
    t.ok(client.socket.writableLength > 16 * MEBIBYTE)
    if (messages !== undefined) {
      for (let i = 0; i < 10; i++) t.equal(String((await messages.next()).value).length, 60_000)
    }
    t.ok(socket.traffic.bytesReceived < taken + 14 * 65_536)
    socket.terminate()
  }
})

// The end of the application

t.test('app.close() closes each socket with its code and reason, and refuses new sockets', async (t) => {
  const app = await createApp(t, { shutdown: { code: 1012, reason: 'new version', drain: 100 } })
  const codes: number[] = []
  app.ws('/demo', (socket) => { socket.on('close', (code) => { codes.push(code) }) })
  const port = await listen(app)
  const clients = Array.from({ length: 5 }, () => new RawClient(t, port))
  for (const client of clients) await client.upgrade()
  const clock = new FakeClock(t)
  const closing = app.close()
  for (const [i, client] of clients.entries()) {
    const { opcode, payload } = await client.readFrame()
    t.equal(opcode, 8)
    t.same([payload.readUInt16BE(), payload.toString('utf8', 2)], [1012, 'new version'])
    // The others wait for their part of the time.
    t.equal(Array.from(app.websocketServer.clients).filter((socket) => socket.readyState === socket.OPEN).length, 4 - i)
    client.write(closeFrame(1012))
    clock.advance(20)
  }
  await closing
  t.same(codes, [1012, 1012, 1012, 1012, 1012])
})

t.test('a silent peer delays the shutdown by closeTimeout at most', async (t) => {
  const app = await createApp(t, { closeTimeout: 50 })
  app.ws('/demo', (socket) => { socket.send(Buffer.alloc(8 * MEBIBYTE)) })
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  client.socket.pause()
  const start = performance.now()
  await app.close()
  t.ok(performance.now() - start >= 49)
})

t.test('a socket that opens during the shutdown is closed as well', async (t) => {
  const app = await createApp(t, { closeTimeout: 60_000 })
  let proceed = (): void => {}
  const held = new Promise<void>((resolve) => {
    app.addHook('onSend', async () => {
      await new Promise<void>((_resolve) => { proceed = _resolve; resolve() })
    })
  })
  app.ws('/demo', () => {})
  const client = new RawClient(t, await listen(app))
  client.write(upgradeHead())
  await held
  const other = app.websocketServer
  const closing = app.close()
  await turn()
  proceed()
  t.match(await client.readHead(), / (101|503) /)
  if (other.clients.size > 0) {
    t.equal((await client.readFrame()).payload.readUInt16BE(), 1001)
    client.write(closeFrame(1001))
  }
  await closing
})

t.test('the process exits by itself, whichever side closes the sockets', async (t) => {
  const script = await writeBundle(t.testdir(), 'test/fixtures/closing.ts')
  await Promise.all(['ours', 'theirs'].map(async (whose) => {
    const { stdout } = await promisify(execFile)(process.execPath, [script, whose])
    t.same(JSON.parse(stdout).filter((name: string) => name !== 'PipeWrap'), [], whose)
  }))
})
