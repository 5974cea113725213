import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { memoryEngine } from '../../lib/engine/memory.js'
import { Rfc6455 } from '../../lib/protocol/rfc6455.js'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import type { SocketInit } from '../../lib/socket/init.js'
import { open, WireSocket } from '../../lib/socket/socket.js'
import { TopicHub } from '../../lib/topics/hub.js'
import { TopicRuleBook } from '../../lib/topics/topic-rules.js'

// Measures one process without an engine server: the fan-out of a message, and the cost of a subscription.

const LIMITS = { maxPayload: 1_048_576, maxFragments: 1_024 }
const NOTHING = (): void => {}
const SETTINGS = { closeTimeout: 500, directIO: false }
const OBSERVER: SocketInit<WireSocket>['observer'] = { onError: NOTHING, onClose: NOTHING }

function createSocket (): WireSocket {
  const stream = new Duplex({ read () {}, write (_chunk, _encoding, callback) { callback() } })
  const socket = new WireSocket({
    stream,
    settings: SETTINGS,
    observer: OBSERVER,
    createProtocol: (sink, output) => new Rfc6455(sink, output, LIMITS, '13', undefined),
    url: '/',
    subprotocol: '',
    extensions: '',
    context: undefined
  })
  socket[open](Buffer.alloc(0), () => {})
  return socket
}

async function createHub (): Promise<TopicHub> {
  const rules = new TopicRuleBook({ retention: { size: 100, ttl: 60_000 }, hasPresence: false })
  const settings = {
    maxTopics: 1_000_000,
    maxTopicLength: 200,
    liveInterval: 25_000,
    unusedTopicTimeout: 60_000,
    lease: 30_000,
    grace: 5_000
  }
  const hub = new TopicHub(memoryEngine({ maxTopics: 1_000_000 }), rules, settings, {
    state: NOTHING, gap: NOTHING, joined: NOTHING, left: NOTHING, failed: (error) => { throw error }
  })
  await hub.open()
  return hub
}

/** The CPU time of several runs, in microseconds. */
async function cpuOf (run: () => unknown, times: number): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < times; i++) {
    await run()
    await nextTurn()
  }
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number

export interface FanOut {
  /** CPU time per delivery, in nanoseconds. */
  readonly publish: number
  readonly broadcast: number
  /** publish ÷ broadcast, the median of pairs that were measured one after the other. */
  readonly ratio: number
}

export async function measureFanOut (sockets = 10_000, messages = 20, rounds = 9): Promise<FanOut> {
  const hub = await createHub()
  const data = Buffer.from(JSON.stringify({ from: 'ann', text: 'x'.repeat(100) }))
  const all = Array.from({ length: sockets }, createSocket)
  for (const socket of all) hub.attach(socket, { topics: ['/rooms/7'] } as Parameters<typeof hub.attach>[1])
  await nextTurn()
  const set = new Set(all)
  // As `broadcast()` of the server: one prepared message, and a check of each socket.
  const broadcast = (): void => {
    const message = new PreparedMessage(data, false, true)
    for (const socket of set) if (socket.readyState === socket.OPEN) socket.send(message)
  }
  const publish = (): Promise<unknown> => hub.publish('/rooms/7', data, false)
  const results: Array<Record<'publish' | 'broadcast', number>> = []
  await cpuOf(broadcast, messages)
  await cpuOf(publish, messages)
  for (let i = 0; i < rounds; i++) {
    results.push({ broadcast: await cpuOf(broadcast, messages), publish: await cpuOf(publish, messages) })
  }
  await hub.close()
  const each = (key: 'publish' | 'broadcast'): number =>
    1000 * median(results.map((result) => result[key])) / messages / sockets
  return {
    publish: each('publish'),
    broadcast: each('broadcast'),
    ratio: median(results.map((result) => result.publish / result.broadcast))
  }
}

export interface Subscriptions {
  /** Heap bytes per subscription, with its share of the topic. */
  readonly bytes: number
  /** CPU time to subscribe and unsubscribe, in microseconds. */
  readonly time: number
}

/** Ten sockets follow each topic, and each socket follows ten topics. */
export async function measureSubscriptions (topics = 100_000): Promise<Subscriptions> {
  const hub = await createHub()
  const each = 10
  const sockets = Array.from({ length: topics }, createSocket)
  const names = Array.from({ length: topics }, (_, i) => `/rooms/${i}`)
  await nextTurn()
  const before = heap()
  for (let k = 0; k < each; k++) {
    for (const [i, name] of names.entries()) {
      hub.subscribe(sockets[(i + k * topics / each) % sockets.length] as WireSocket, name).catch(NOTHING)
    }
    await nextTurn()
  }
  const bytes = (heap() - before) / topics / each
  let time = Infinity
  for (let round = 0; round < 7; round++) {
    const began = process.cpuUsage()
    for (let i = 0; i < 100_000; i++) {
      const socket = sockets[(i * 13) % sockets.length] as WireSocket
      // A topic that the socket does not follow.
      const name = names[(i * 13 + 1) % names.length] as string
      hub.subscribe(socket, name)
      hub.unsubscribe(socket, name)
    }
    const { user, system } = process.cpuUsage(began)
    time = Math.min(time, (user + system) / 100_000)
    await nextTurn()
  }
  await hub.close()
  return { bytes, time }
}

function heap (): number {
  for (let i = 0; i < 3; i++) (globalThis as { gc?: () => void }).gc?.()
  return process.memoryUsage().heapUsed
}
