import { EnginePackageMissing } from '../errors.js'
import { ClusterLink, type NodeRedisCluster } from './redis-cluster-link.js'
import { ServerLink, type NodeRedisClient, type RedisLink } from './redis-link.js'

export interface RedisConnectionOptions {
  /** The URL of the server, such as 'redis://127.0.0.1:6379' (`rediss:` for TLS), or a list of cluster nodes. */
  readonly url?: string | readonly string[]
  /**
   * Instead of `url`: a client or cluster of `redis` or `@redis/client`, version 5 or later. The engine opens its own
   * connections with the options of that client.
   */
  readonly client?: ClientToDuplicate
  /**
   * The interval of pings to the server, in milliseconds. If a ping is unanswered when the next one is due, the
   * connection is replaced. Default: 3,000.
   */
  readonly pingInterval?: number
}

interface ClientToDuplicate {
  duplicate (overrides?: object): unknown
  readonly options?: { readonly socket?: object, readonly defaults?: { readonly socket?: object } } | undefined
}

/** Starts at 20 ms and grows to a second. Random, so that not all processes reconnect at the same time. */
const reconnectStrategy = (retries: number): number => Math.min(20 * 2 ** retries, 1000) * (0.5 + Math.random() / 2)

/** Creates a link, with its own connections, to a server or cluster. */
export async function createRedisLink (options: RedisConnectionOptions): Promise<RedisLink> {
  const { url = 'redis://127.0.0.1:6379', client, pingInterval = 3000 } = options
  // The client must not queue commands: the engine itself sends unanswered messages again, in order, until
  // publishTimeout. A command timeout of the client would be a timer per command, and only for unwritten commands.
  const own = {
    RESP: 2, disableOfflineQueue: true, maintNotifications: 'disabled', commandOptions: { timeout: 0 }
  } as const
  // socketTimeout detects a server that accepts a connection and never answers.
  const socket = { reconnectStrategy, socketTimeout: pingInterval * 3 }
  const { commandOptions, maintNotifications } = own
  if (client !== undefined) {
    if ('masters' in client) {
      const defaults = { ...own, pingInterval, socket: { ...client.options?.defaults?.socket, ...socket } }
      return new ClusterLink(client.duplicate({
        RESP: 2, commandOptions, maintNotifications, defaults
      }) as NodeRedisCluster)
    }
    const overrides = { ...own, socket: { ...client.options?.socket, ...socket } }
    return new ServerLink(
      client.duplicate(overrides) as NodeRedisClient, client.duplicate(overrides) as NodeRedisClient, pingInterval)
  }
  const { createClient, createCluster } = await import('@redis/client').catch((error: Error) => {
    const missing = new EnginePackageMissing('fastify-wire/redis', '@redis/client', '@redis/client')
    throw Object.assign(missing, { cause: error })
  })
  if (typeof url !== 'string') {
    const cluster: unknown = createCluster({
      rootNodes: url.map((each) => ({ url: each })),
      RESP: 2,
      commandOptions,
      defaults: { disableOfflineQueue: true, pingInterval, socket }
    })
    return new ClusterLink(cluster as NodeRedisCluster)
  }
  const create = (): unknown => createClient({ url, RESP: 2, disableOfflineQueue: true, commandOptions, socket })
  return new ServerLink(create() as NodeRedisClient, create() as NodeRedisClient, pingInterval)
}
