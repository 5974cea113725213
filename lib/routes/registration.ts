import type { FastifyRequest } from 'fastify'
import type { ConnectionLimits } from '../server/connection-limits.js'
import type { WireServer } from '../server/server.js'
import type { SocketTopics } from '../socket/topics.js'
import type { TopicHub } from '../topics/hub.js'

/** The state that all routes of one registration share. */
export interface Registration {
  readonly server: WireServer
  readonly isClosing: () => boolean
  readonly logsRequests: (request: FastifyRequest) => boolean
  /** The connection limits for all its routes together. */
  readonly limits: readonly ConnectionLimits[]
  readonly hub: TopicHub
  /** The methods of its sockets for topics. */
  readonly socketTopics: SocketTopics
}
