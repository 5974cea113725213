import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Version } from '../versions.js'
import type { Traffic } from '../socket/init.js'
import { context, type WireSocket } from '../socket/socket.js'

/** Counters since the start; `open` and `bufferedBytes` are current values. */
export interface Counts extends Traffic {
  /** Open sockets. */
  open: number
  /** Sockets opened since the start. */
  opened: number
  /** Bytes that `send()` has queued and that have not been written. */
  bufferedBytes: number
}

export interface RouteMetrics extends Counts {
  /** The URL of the route, as declared. */
  readonly route: string
  readonly version: Version
}

/** Round-trip times of heartbeat pings, in milliseconds; all 0 before the first. */
export interface LatencyMetrics {
  readonly count: number
  readonly sum: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** The result of `app.websocketServer.metrics()`. */
export interface WireMetrics {
  readonly total: Counts
  /** One entry per route and protocol version that has had a socket. */
  readonly routes: RouteMetrics[]
  /** Refused upgrades, by error code, or by HTTP status if the error has no code. */
  readonly refusals: Record<string, number>
  /** Closed sockets, by close code. */
  readonly closes: Record<string, number>
  readonly latency: LatencyMetrics
  readonly topics: TopicCounts
}

// The histogram counts microseconds with 1 % precision. It takes about 20 KiB, so it is created with the first value.
const SCALE = 1_000
const MAX_VALUE = 3_600_000 * SCALE

export class Latency {
  #histogram: RecordableHistogram | undefined

  /** @param duration in milliseconds */
  record (duration: number): void {
    this.#histogram ??= createHistogram({ lowest: 1, highest: MAX_VALUE, figures: 2 })
    this.#histogram.record(Math.min(Math.max(Math.round(duration * SCALE), 1), MAX_VALUE))
  }

  read (): LatencyMetrics {
    const histogram = this.#histogram
    if (histogram === undefined) return { count: 0, sum: 0, p50: 0, p90: 0, p99: 0, max: 0 }
    const { count } = histogram
    const at = (percentile: number): number => histogram.percentile(percentile) / SCALE
    const sum = histogram.mean * count / SCALE
    return { count, sum, p50: at(50), p90: at(90), p99: at(99), max: histogram.max / SCALE }
  }
}

/** The counters of a registration's topics. */
export interface TopicCounts {
  /** The state of the engine. */
  state: 'ready' | 'down'
  /** Topics that this process follows. */
  topics: number
  /** Subscriptions of sockets of this process: a socket counts once for each of its topics. */
  subscriptions: number
  /** Messages of this process that the engine has accepted. */
  published: number
  /** Messages sent to sockets of this process. */
  delivered: number
  /** How often this process has missed messages of a topic for good. */
  gaps: number
}

/**
 * The counters of one registration. Messages are not counted here: each socket counts its own, `closed()` adds the
 * counts of a closed socket, and `read()` those of the open ones.
 */
export class Metrics {
  /** Reads the counters of the topics. Set when the topics are opened. */
  topics: () => TopicCounts = noTopics
  readonly latency = new Latency()
  readonly #routes = new Map<string, Map<Version, RouteMetrics>>()
  readonly #refusals = new Map<string, number>()
  readonly #closes = new Map<number, number>()

  opened (route: string, version: Version): void {
    entryOf(this.#routes, route, version).opened++
  }

  closed (route: string, version: Version, code: number, traffic: Traffic): void {
    addTraffic(entryOf(this.#routes, route, version), traffic)
    increase(this.#closes, code)
  }

  /** @param reason an error code or an HTTP status */
  refused (reason: string): void {
    increase(this.#refusals, reason)
  }

  /** @param sockets the open sockets */
  read (sockets: Iterable<WireSocket>): WireMetrics {
    const routes = new Map<string, Map<Version, RouteMetrics>>()
    for (const byVersion of this.#routes.values()) {
      for (const entry of byVersion.values()) add(entryOf(routes, entry.route, entry.version), entry)
    }
    for (const socket of sockets) {
      const entry = entryOf(routes, (socket[context] as { route: string }).route, socket.version)
      entry.open++
      entry.bufferedBytes += socket.bufferedAmount
      addTraffic(entry, socket.traffic)
    }
    const all = [...routes.values()].flatMap((byVersion) => [...byVersion.values()])
    const total = createCounts()
    for (const entry of all) add(total, entry)
    return {
      total,
      routes: all,
      refusals: Object.fromEntries(this.#refusals),
      closes: Object.fromEntries(this.#closes),
      latency: this.latency.read(),
      topics: this.topics()
    }
  }
}

function noTopics (): TopicCounts {
  return { state: 'down', topics: 0, subscriptions: 0, published: 0, delivered: 0, gaps: 0 }
}

function createCounts (): Counts {
  return {
    open: 0,
    opened: 0,
    bufferedBytes: 0,
    messagesReceived: 0,
    bytesReceived: 0,
    messagesSent: 0,
    bytesSent: 0,
    messagesDropped: 0
  }
}

function entryOf (routes: Map<string, Map<Version, RouteMetrics>>, route: string, version: Version): RouteMetrics {
  let byVersion = routes.get(route)
  if (byVersion === undefined) routes.set(route, byVersion = new Map())
  let entry = byVersion.get(version)
  if (entry === undefined) byVersion.set(version, entry = { route, version, ...createCounts() })
  return entry
}

function add (sum: Counts, counts: Counts): void {
  sum.open += counts.open
  sum.opened += counts.opened
  sum.bufferedBytes += counts.bufferedBytes
  addTraffic(sum, counts)
}

function addTraffic (sum: Traffic, traffic: Traffic): void {
  sum.messagesReceived += traffic.messagesReceived
  sum.bytesReceived += traffic.bytesReceived
  sum.messagesSent += traffic.messagesSent
  sum.bytesSent += traffic.bytesSent
  sum.messagesDropped += traffic.messagesDropped
}

function increase<Key> (counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
