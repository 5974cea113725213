import { EnginePackageMissing } from '../errors.js'
import { ClusterLink, type NodeRedisCluster } from './redis-cluster-link.js'
import { ServerLink, type NodeRedisClient, type RedisLink } from './redis-link.js'

export interface RedisConnectionOptions {
  /** Where the server is, such as 'redis://127.0.0.1:6379' (`rediss:` for TLS); a list names nodes of a cluster. */
  readonly url?: string | readonly string[]
  /**
   * In place of `url`: a client or cluster of `redis` or `@redis/client`, version 5 or later. Its options are used for
   * own connections.
   */
  readonly client?: ClientToDuplicate
  /**
   * How often the server gets a ping, in milliseconds. A connection on which the last one was not answered is made
   * anew. Default: 3,000.
   */
  readonly pingInterval?: number
}

interface ClientToDuplicate {
  duplicate (overrides?: object): unknown
  readonly options?: { readonly socket?: object, readonly defaults?: { readonly socket?: object } } | undefined
}

/** Begins with 20 ms and goes up to a second. Some of it is random, so that not all processes come back at once. */
const reconnectStrategy = (retries: number): number => Math.min(20 * 2 ** retries, 1000) * (0.5 + Math.random() / 2)

/** The links to a server or cluster, with connections of their own. */
export async function createRedisLink (options: RedisConnectionOptions): Promise<RedisLink> {
  const { url = 'redis://127.0.0.1:6379', client, pingInterval = 3000 } = options
  // Nothing waits inside the client: what was not answered is sent again by the engine, in order, and until
  // publishTimeout. Its timeout would be a timer for each command, and end only with commands that were not written
  // yet.
  const own = {
    RESP: 2, disableOfflineQueue: true, maintNotifications: 'disabled', commandOptions: { timeout: 0 }
  } as const
  // A server that takes a connection and says nothing is found by the silence.
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
