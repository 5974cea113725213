import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { BadOption } from '../errors.js'
import type { StreamConfig } from './jetstream.js'
import type { PublishLimits } from './outgoing.js'

export interface NatsEngineOptions extends PublishLimits {
  /** The addresses of the servers. Default: '127.0.0.1:4222'. */
  readonly servers?: string | string[]
  /** Further options of the connection, such as credentials and TLS. */
  readonly connect?: Omit<ConnectionOptions, 'servers'>
  /** Instead of `servers`: a connection of @nats-io/transport-node 3. The engine does not close it. */
  readonly connection?: NatsConnection
  /** The stream that holds all topics. It is created if it does not exist. Default: 'fastify-wire'. */
  readonly stream?: string
  /** The first token of all subjects. Default: 'wire'. */
  readonly prefix?: string
  /** The maximum number of messages kept per topic, even if its `history` allows more. Default: 1000. */
  readonly maxPerTopic?: number
  /** How long messages are kept, even if a topic's `history` allows longer, in milliseconds. Default: a day. */
  readonly maxAge?: number
  /** The number of servers of a cluster that store the stream. Default: 1. */
  readonly replicas?: number
  readonly storage?: 'file' | 'memory'
}

const DAY = 24 * 60 * 60 * 1000
const NANOSECONDS = 1e6

/** How long the stream remembers message ids to drop duplicates, in milliseconds. */
const DUPLICATE_WINDOW = 120_000

/**
 * The connection is closed after two unanswered pings. Only `timeout` detects a connection that breaks during its
 * handshake.
 */
const CONNECTION = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 50,
  reconnectJitter: 100,
  pingInterval: 3000,
  maxPingOut: 2,
  timeout: 3000
}

/**
 * Returns the first token of all subjects, and the configuration of the stream.
 * @throws BadOption
 */
export function readStreamOptions (options: NatsEngineOptions): { prefix: string, config: StreamConfig } {
  const { stream = 'fastify-wire', prefix = 'wire', storage = 'file' } = options
  const { maxPerTopic = 1000, maxAge = DAY, replicas = 1 } = options
  for (const [name, text] of [['stream', stream], ['prefix', prefix]] as const) {
    if (!/^[\w-]+$/.test(text)) throw new BadOption(name, 'letters, digits, "-" and "_"', String(text))
  }
  for (const [name, number] of Object.entries({ maxPerTopic, maxAge, replicas })) {
    if (!Number.isSafeInteger(number) || number <= 0) throw new BadOption(name, 'a positive integer', String(number))
  }
  const config: StreamConfig = {
    name: stream,
    subjects: [`${prefix}.p.>`],
    storage,
    num_replicas: replicas,
    max_msgs_per_subject: maxPerTopic,
    max_age: maxAge * NANOSECONDS,
    duplicate_window: Math.min(DUPLICATE_WINDOW, maxAge) * NANOSECONDS,
    republish: { src: `${prefix}.p.>`, dest: `${prefix}.d.>` }
  }
  return { prefix, config }
}

/** Returns the options of the connection. */
export function connectionOptions ({ servers = '127.0.0.1:4222', connect }: NatsEngineOptions): ConnectionOptions {
  return { ...CONNECTION, ...connect, servers }
}
