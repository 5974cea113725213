import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import t from 'tap'
import { Heartbeat, heartbeatOf, type HeartbeatSettings } from '../../lib/socket/heartbeat.js'
import { closeOf } from '../fixtures/client.js'
import { clientFrame } from '../fixtures/frames.js'
import { createMemorySocket, turn, type MemorySocket } from '../fixtures/memory.js'

const PING = 9
const PONG = 10

/** A heartbeat whose clock is turned by hand. */
const setUp = (settings: Partial<HeartbeatSettings> = {}) => {
  let now = 1_000
  const heartbeat = new Heartbeat({ interval: 1_000, timeout: 500, idle: 5_000, ...settings }, () => now)
  const pass = async (time: number): Promise<void> => {
    now += time
    heartbeat.beat()
    await turn()
    await turn()
  }
  return { heartbeat, pass, advance: (time: number) => { now += time } }
}

const pingsOf = ({ frames }: MemorySocket): Buffer[] =>
  frames().filter(({ opcode }) => opcode === PING).map(({ payload }) => payload)

// A step, a tenth of the shorter time, is what a look may be late.
const INTERVAL = 1_050
const TIMEOUT = 500

t.test('a silent peer receives a ping, and its pong sets the latency', async (t) => {
  const { heartbeat, pass, advance } = setUp()
  const peer = createMemorySocket({ heartbeat })
  const { socket, stream } = peer
  socket.on('pong', () => { t.fail('the pong is ours') })
  await pass(999)
  t.equal(pingsOf(peer).length, 0)
  await pass(51)
  t.equal(pingsOf(peer).length, 1)
  t.equal(socket.latency, undefined)
  advance(42)
  stream.push(clientFrame(PONG, pingsOf(peer)[0]))
  await turn()
  t.equal(socket.latency, 42)
  await pass(TIMEOUT)
  t.equal(socket.readyState, socket.OPEN)
  await pass(INTERVAL)
  t.equal(pingsOf(peer).length, 2)
  t.notOk(pingsOf(peer)[0]?.equals(pingsOf(peer)[1] as Buffer))
  socket.terminate()
})

t.test('pongs for pings of the application are emitted, and do not set the latency', async (t) => {
  const { heartbeat, pass } = setUp()
  const peer = createMemorySocket({ heartbeat })
  const { socket, stream } = peer
  const pongs: string[] = []
  socket.on('pong', (data) => { pongs.push(data.toString()) })
  await pass(INTERVAL)
  for (const payload of ['', 'mine', 'twelve bytes']) stream.push(clientFrame(PONG, payload))
  await turn()
  t.same(pongs, ['', 'mine', 'twelve bytes'])
  t.equal(socket.latency, undefined)
  socket.terminate()
})

t.test('a pong after the timeout is not emitted', async (t) => {
  const { heartbeat, pass } = setUp()
  const peer = createMemorySocket({ heartbeat })
  const { socket, stream } = peer
  socket.on('pong', () => { t.fail('the pong is ours') })
  await pass(INTERVAL)
  stream.push(clientFrame(1, 'I am here'))
  await turn()
  await pass(TIMEOUT)
  stream.push(clientFrame(PONG, pingsOf(peer)[0]))
  await turn()
  t.equal(socket.latency, undefined)
  t.same(peer.terminations, [])
  socket.terminate()
})

t.test('a peer that does not answer is terminated, and the reason is reported', async (t) => {
  const { heartbeat, pass } = setUp()
  const peer = createMemorySocket({ heartbeat })
  const closed = closeOf(peer.socket)
  await pass(INTERVAL)
  await pass(TIMEOUT - 1)
  t.same(peer.terminations, [])
  await pass(1)
  t.equal(await closed, 1006)
  t.same(peer.terminations, ['no answer to a ping within 500 ms'])
  t.equal(heartbeat.size, 0)
})

t.test('a pong that is still in the kernel at the timeout counts', async (t) => {
  const { heartbeat, advance } = setUp()
  const peer = createMemorySocket({ heartbeat })
  advance(INTERVAL)
  heartbeat.beat()
  await turn()
  advance(TIMEOUT)
  heartbeat.beat()
  peer.stream.push(clientFrame(1, 'late'))
  await turn()
  await turn()
  t.same(peer.terminations, [])
  t.equal(peer.socket.readyState, 1)
  peer.socket.terminate()
})

t.test('a socket that has closed before the timeout is ignored', async (t) => {
  const { heartbeat, advance } = setUp()
  const peer = createMemorySocket({ heartbeat })
  const other = createMemorySocket({ heartbeat })
  advance(INTERVAL)
  heartbeat.beat()
  advance(TIMEOUT)
  heartbeat.beat()
  peer.socket.terminate()
  await once(peer.stream, 'close')
  await turn()
  t.same(peer.terminations, [])
  t.equal(other.terminations.length, 1)
})

t.test('a peer that sends is not pinged', async (t) => {
  const { heartbeat, pass } = setUp()
  const peer = createMemorySocket({ heartbeat })
  for (let i = 0; i < 5; i++) {
    peer.stream.push(clientFrame(1, 'data'))
    await turn()
    await pass(INTERVAL)
  }
  t.same(pingsOf(peer), [])
  peer.socket.terminate()
})

t.test('a closing socket is not pinged; a paused socket is pinged, but not terminated', async (t) => {
  const { heartbeat, pass } = setUp()
  const paused = createMemorySocket({ heartbeat })
  const stalled = createMemorySocket({ heartbeat })
  const closing = createMemorySocket({ heartbeat, closeTimeout: 60_000 })
  const release = stalled.stall()
  paused.socket.pause()
  stalled.socket.pause()
  stalled.socket.send('under way')
  closing.socket.close(1000)
  for (let i = 0; i < 3; i++) await pass(INTERVAL)
  t.equal(pingsOf(paused).length, 3)
  t.same([...pingsOf(stalled), ...pingsOf(closing)], [])
  t.same([paused, stalled, closing].flatMap(({ terminations }) => terminations), [])
  release()
  for (const { socket } of [paused, stalled, closing]) socket.terminate()
  await Promise.all([paused, stalled, closing].map(async ({ stream }) => { await once(stream, 'close') }))
  t.equal(heartbeat.size, 0)
})

t.test('a slow peer is not terminated while it reads its queue', async (t) => {
  const { heartbeat, pass } = setUp()
  const peer = createMemorySocket({ heartbeat })
  const closed = closeOf(peer.socket)
  const release = peer.stall()
  for (let i = 0; i < 3; i++) {
    peer.socket.send(Buffer.alloc(50_000 + i))
    await turn()
    await pass(INTERVAL)
    release()
    peer.stall()
    await pass(TIMEOUT)
  }
  t.same(peer.terminations, [])
  peer.socket.send(Buffer.alloc(90_000))
  for (let i = 0; i < 3; i++) {
    await pass(INTERVAL)
    await pass(TIMEOUT)
  }
  t.equal(peer.terminations.length, 1)
  t.equal(await closed, 1006)
})

t.test('a hixie socket, which has no ping, is terminated when it has been idle for a time', async (t) => {
  const { heartbeat, pass } = setUp()
  const peer = createMemorySocket({ heartbeat, version: 'hixie-76' })
  const { socket, stream } = peer
  const closed = closeOf(socket)
  await pass(5_050)
  t.equal(peer.terminations.length, 1)
  t.equal(await closed, 1006)
  const busy = createMemorySocket({ heartbeat, version: 'hixie-76' })
  await pass(4_000)
  busy.stream.push(Buffer.from('\x00in\xff', 'latin1'))
  await turn()
  await pass(1_050)
  busy.socket.send('out')
  await pass(5_050)
  t.same(busy.terminations, [])
  t.equal(busy.socket.latency, undefined)
  await pass(5_050)
  t.same(busy.terminations, ['no message within 5000 ms'])
  t.equal(stream.destroyed, true)
})

t.test('a hixie socket without an idle timeout is not terminated', async (t) => {
  const { heartbeat, pass } = setUp({ idle: false })
  const peer = createMemorySocket({ heartbeat, version: 'hixie-76' })
  for (let i = 0; i < 5; i++) await pass(100_000)
  t.same(peer.terminations, [])
  t.equal(heartbeat.isRunning, false)
  peer.socket.terminate()
  await once(peer.stream, 'close')
  t.equal(heartbeat.size, 0)
})

t.test('one timer serves all sockets, does not keep the process alive, and stops with the last socket', async (t) => {
  const { heartbeat } = setUp()
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  t.equal(heartbeat.isRunning, false)
  const peers = [
    createMemorySocket({ heartbeat, version: 'hixie-76' }), createMemorySocket({ heartbeat }),
    createMemorySocket({ heartbeat })
  ]
  t.equal(heartbeat.size, 3)
  t.equal(heartbeat.isRunning, true)
  t.equal(timers(), before)
  for (const { socket, stream } of peers) {
    t.equal(heartbeat.isRunning, true)
    socket.terminate()
    await once(stream, 'close')
  }
  t.equal(heartbeat.isRunning, false)
})

t.test('a heartbeat runs by itself, by the clock of the process', async (t) => {
  const heartbeat = heartbeatOf({ interval: 20, timeout: 10, idle: 20 })
  t.equal(heartbeatOf({ interval: 20, timeout: 10, idle: 20 }), heartbeat)
  t.not(heartbeatOf({ interval: 20, timeout: 10, idle: false }), heartbeat)
  // The longest delay that there is, and a step more.
  heartbeatOf({ interval: 2 ** 31 - 1, timeout: 2 ** 31 - 1, idle: false })
  const silent = createMemorySocket({ heartbeat })
  const hixie = createMemorySocket({ heartbeat, version: 'hixie-76' })
  const answering = createMemorySocket({ heartbeat })
  let read = 0
  answering.socket.on('close', () => {})
  const answer = (): void => {
    for (const payload of pingsOf(answering).slice(read)) {
      read++
      answering.stream.push(clientFrame(PONG, payload))
    }
  }
  const write = answering.stream._write.bind(answering.stream)
  answering.stream._write = (...args) => {
    write(...args)
    process.nextTick(answer)
  }
  const keepAlive = setInterval(() => {}, 1_000)
  const codes = await Promise.all([closeOf(silent.socket), closeOf(hixie.socket)])
  clearInterval(keepAlive)
  t.same(codes, [1006, 1006])
  t.equal(answering.socket.readyState, 1)
  answering.socket.terminate()
  await once(answering.stream, 'close')
  t.equal(heartbeat.isRunning, false)
})

t.test('pings of the heartbeat are published, and their latencies measured', async (t) => {
  const seen: unknown[] = []
  const nobody = (): void => {}
  subscribe('fastify-wire:ping', nobody)
  t.teardown(() => { unsubscribe('fastify-wire:ping', nobody) })
  const { heartbeat, pass, advance } = setUp()
  const peer = createMemorySocket({
    heartbeat,
    observer: { publish: (_channel, details) => { seen.push(details) }, onLatency: (latency) => { seen.push(latency) } }
  })
  await pass(INTERVAL)
  const [data] = pingsOf(peer)
  advance(42)
  peer.stream.push(clientFrame(PONG, data))
  await turn()
  t.same(seen, [{ kind: 'ping', direction: 'out', data }, { kind: 'pong', direction: 'in', data }, 42])
  peer.socket.terminate()
})
