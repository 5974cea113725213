// What the arguments of app.ws() are.
import type { FastifyInstance, FastifyRequest, FastifySchema, RouteShorthandOptions } from 'fastify'
import type { PlainSocket } from '../socket/typed-socket.js'
import type { SocketOptions } from './options.js'

/** Handles the sockets of a route; `this` is the instance on which the route was declared. */
export type SocketHandler = (this: FastifyInstance, socket: PlainSocket, request: FastifyRequest) => void | Promise<void>

/** The schemas of a socket route: those of its handshake, which are Fastify's, and those of its messages. */
export interface SocketSchema extends FastifySchema {
  /** What a message of the peer must be: JSON text, parsed, validated and handed to the listener as a value. */
  message?: unknown
  /** What `socket.send(value)` takes, and how it is made JSON. */
  send?: unknown
}

/** The options of a socket route: those of a Fastify route, and those of its sockets. */
export type SocketRouteOptions = SocketOptions & Omit<RouteShorthandOptions, 'errorHandler' | 'exposeHeadRoute' | 'bodyLimit' | 'websocket' | 'schema'> & { schema?: SocketSchema }
