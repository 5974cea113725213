import type { FastifyRequest } from 'fastify'
import type { ConnectionLimits } from '../server/connection-limits.js'
import type { WireServer } from '../server/server.js'
import type { SocketTopics } from '../socket/topics.js'
import type { TopicHub } from '../topics/hub.js'

/** What the routes of one registration share. */
export interface Registration {
  readonly server: WireServer
  readonly isClosing: () => boolean
  readonly logsRequests: (request: FastifyRequest) => boolean
  /** Those of all its routes together. */
  readonly limits: readonly ConnectionLimits[]
  readonly hub: TopicHub
  /** What its sockets can do with its topics. */
  readonly socketTopics: SocketTopics
}
