import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Version } from '../protocol/protocol.js'
import type { Traffic } from '../socket/init.js'
import { context, type WireSocket } from '../socket/socket.js'

/** Counts since the start, but for `open` and `bufferedBytes`, which are what is now. */
export interface Counts extends Traffic {
  /** Sockets that are open. */
  open: number
  /** Sockets that were opened. */
  opened: number
  /** What `send()` queued and has not left, in bytes. */
  bufferedBytes: number
}

export interface RouteMetrics extends Counts {
  /** The URL of the route, as it was declared. */
  readonly route: string
  readonly version: Version
}

/** Round trips of heartbeats, in milliseconds; all 0 where there was none. */
export interface LatencyMetrics {
  readonly count: number
  readonly sum: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** What `app.websocketServer.metrics()` returns. */
export interface WireMetrics {
  readonly total: Counts
  /** One entry for each route and version that had a socket. */
  readonly routes: RouteMetrics[]
  /** Upgrades that were refused, by the code of the error or, where there was none, by the status. */
  readonly refusals: Record<string, number>
  /** Sockets that are gone, by their close code. */
  readonly closes: Record<string, number>
  readonly latency: LatencyMetrics
  readonly topics: TopicCounts
}

// Kept in microseconds, to 1 %: about 20 KiB, made with the first round trip.
const SCALE = 1_000
const LONGEST = 3_600_000 * SCALE

export class Latency {
  #histogram: RecordableHistogram | undefined

  /** @param duration of a round trip, in milliseconds */
  record (duration: number): void {
    this.#histogram ??= createHistogram({ lowest: 1, highest: LONGEST, figures: 2 })
    this.#histogram.record(Math.min(Math.max(Math.round(duration * SCALE), 1), LONGEST))
  }

  read (): LatencyMetrics {
    const histogram = this.#histogram
    if (histogram === undefined) return { count: 0, sum: 0, p50: 0, p90: 0, p99: 0, max: 0 }
    const { count } = histogram
    const at = (percentile: number): number => histogram.percentile(percentile) / SCALE
    return { count, sum: histogram.mean * count / SCALE, p50: at(50), p90: at(90), p99: at(99), max: histogram.max / SCALE }
  }
}

/** What goes through the topics of a registration. */
export interface TopicCounts {
  /** Whether the engine can be reached. */
  state: 'ready' | 'down'
  /** Topics that this process follows, and how often: a socket counts for each of its topics. */
  topics: number
  subscriptions: number
  /** Messages that the engine has accepted from this process. */
  published: number
  /** Messages handed to sockets of this process. */
  delivered: number
  /** How often messages of a topic were gone before this process saw them. */
  gaps: number
}

/**
 * What happened to the sockets of one registration. A message costs nothing here: each socket counts its own, and they
 * are added up when somebody asks, to those of the sockets that are gone.
 */
export class Metrics {
  /** Set where there are topics. */
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

  /** @param reason the code of an error, or a status */
  refused (reason: string): void {
    increase(this.#refusals, reason)
  }

  /** @param sockets those that are open */
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
  return { open: 0, opened: 0, bufferedBytes: 0, messagesReceived: 0, bytesReceived: 0, messagesSent: 0, bytesSent: 0, messagesDropped: 0 }
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
