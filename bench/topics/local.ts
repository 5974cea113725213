import { Duplex } from 'node:stream'
import { memoryEngine } from '../../lib/engine/memory.js'
import { Rfc6455 } from '../../lib/protocol/rfc6455.js'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import type { SocketInit } from '../../lib/socket/init.js'
import { open, WireSocket } from '../../lib/socket/socket.js'
import { TopicHub } from '../../lib/topics/hub.js'
import { TopicRuleBook } from '../../lib/topics/topic-rules.js'

/** What one process does by itself: the fan-out of a message, and the cost of a subscription. */

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

async function createHub (maxTopics = 1_000_000): Promise<TopicHub> {
  const rules = new TopicRuleBook({ retention: { size: 100, ttl: 60_000 }, hasPresence: false })
  const settings = {
    maxTopics, maxTopicLength: 200, liveInterval: 25_000, unusedTopicTimeout: 60_000, lease: 30_000, grace: 5_000
  }
  const hub = new TopicHub(memoryEngine({ maxTopics: 1_000_000 }), rules, settings, {
    state: NOTHING, gap: NOTHING, joined: NOTHING, left: NOTHING, failed: (error) => { throw error }
  })
  await hub.open()
  return hub
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

async function cpuOf (run: () => unknown, times: number): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < times; i++) {
    await run()
    await turn()
  }
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number

export interface FanOut {
  /** Nanoseconds of CPU a delivery. */
  readonly publish: number
  readonly broadcast: number
  /** Of pairs that were measured one after the other. */
  readonly ratio: number
}

export async function measureFanOut (sockets = 10_000, messages = 20, rounds = 9): Promise<FanOut> {
  const hub = await createHub()
  const data = Buffer.from(JSON.stringify({ from: 'ann', text: 'x'.repeat(100) }))
  const all = Array.from({ length: sockets }, createSocket)
  for (const socket of all) hub.attach(socket, { topics: ['/rooms/7'] } as Parameters<typeof hub.attach>[1])
  await turn()
  const set = new Set(all)
  // As the server does: a check of each socket, and one prepared message.
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
  /** Of one subscription, on average, with its share of its topic. */
  readonly bytes: number
  /** Of a subscription to a topic that has one already. */
  readonly bytesWithoutTopic: number
  /** Microseconds of CPU for subscribing and unsubscribing. */
  readonly time: number
}

/** @param perSocket how many topics each socket follows; each topic has ten sockets */
export async function measureSubscriptions (topics = 100_000, perSocket = 10): Promise<Subscriptions> {
  const hub = await createHub()
  const each = 10
  const sockets = Array.from({ length: topics * each / perSocket }, createSocket)
  const names = Array.from({ length: topics }, (_, i) => `/rooms/${i}`)
  await turn()
  const before = heap()
  for (const [i, name] of names.entries()) hub.subscribe(sockets[i % sockets.length] as WireSocket, name).catch(NOTHING)
  await turn()
  const withTopics = heap()
  for (let k = 1; k < each; k++) {
    for (const [i, name] of names.entries()) {
      hub.subscribe(sockets[(i + k * topics / each) % sockets.length] as WireSocket, name).catch(NOTHING)
    }
    await turn()
  }
  const all = heap()
  let time = Infinity
  for (let round = 0; round < 7; round++) {
    const began = process.cpuUsage()
    for (let i = 0; i < 100_000; i++) {
      const socket = sockets[(i * 13) % sockets.length] as WireSocket
      // One that it does not follow.
      const name = names[(i * 13 + 1) % names.length] as string
      hub.subscribe(socket, name)
      hub.unsubscribe(socket, name)
    }
    const { user, system } = process.cpuUsage(began)
    time = Math.min(time, (user + system) / 100_000)
    await turn()
  }
  await hub.close()
  return { bytes: (all - before) / topics / each, bytesWithoutTopic: (all - withTopics) / topics / (each - 1), time }
}

function heap (): number {
  for (let i = 0; i < 3; i++) (globalThis as { gc?: () => void }).gc?.()
  return process.memoryUsage().heapUsed
}
