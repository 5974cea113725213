// The arguments of app.ws().
import type { FastifyInstance, FastifyRequest, FastifySchema, RouteShorthandOptions } from 'fastify'
import type { PlainSocket } from '../socket/typed-socket.js'
import type { SocketOptions } from './options.js'

/** Handles the sockets of a route. `this` is the instance on which the route was declared. */
export type SocketHandler =
  (this: FastifyInstance, socket: PlainSocket, request: FastifyRequest) => void | Promise<void>

/** The schemas of a socket route: Fastify's for the handshake, and two for messages. */
export interface SocketSchema extends FastifySchema {
  /** The schema of received messages. They must be JSON text; listeners receive the parsed and validated value. */
  message?: unknown
  /** The schema by which `socket.send(value)` serializes a value to JSON. */
  send?: unknown
}

/** The options of Fastify routes that socket routes do not have, or declare with another type. */
export type NotForSockets = 'errorHandler' | 'exposeHeadRoute' | 'bodyLimit' | 'websocket' | 'schema'

/** The options of a socket route: those of a Fastify route, and those of its sockets. */
export type SocketRouteOptions =
  SocketOptions & Omit<RouteShorthandOptions, NotForSockets> & { schema?: SocketSchema }
