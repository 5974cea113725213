import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import { acceptSocket, checkHandshake, type Registration, type SocketHandler, type SocketRoute } from './accept.js'
import { SocketMethod, SocketHandlerInvalid } from './errors.js'
import type { Settings } from './options.js'
import { createOwner } from './owner.js'
import type { handshakeTimeout } from './routes.js'
import { isUpgrade } from './upgrade/mark.js'

/** A route as Fastify hands it to an onRoute hook, with what @fastify/websocket reads of it. */
export interface DropInRoute extends Omit<RouteOptions, 'handler' | 'websocket' | 'wsHandler'> {
  websocket?: boolean
  wsHandler?: unknown
  handler: (this: FastifyInstance, ...args: never[]) => unknown
  /** Without the prefix. */
  routePath: string
  prefix: string
  /** Of a route of `app.ws()`. */
  [handshakeTimeout]?: number
}

/** Whether a route was declared as for @fastify/websocket: `{ websocket: true }`, or a `wsHandler` beside its handler. */
export function isDropIn (route: DropInRoute): boolean {
  return Boolean(route.websocket) || Boolean(route.wsHandler)
}

/**
 * Makes one route of both: an upgrade opens a socket, any other request gets the handler, or 404 where there is none.
 * One route and not two, because the hooks that other plugins have put on it must stand there once.
 * @returns whether it holds a socket (that of a HEAD does not)
 * @throws SocketMethod, SocketHandlerInvalid
 */
export function openToUpgrades (instance: FastifyInstance, route: DropInRoute, settings: Settings, registration: Registration): boolean {
  const methods = [route.method].flat()
  if (methods.every((method) => method === 'HEAD')) {
    // Fastify adds it to a GET, with the handler of the socket.
    if (route.websocket) route.handler = replyNotFound
    return false
  }
  if (methods.some((method) => method !== 'GET' && method !== 'HEAD')) throw new SocketMethod()
  const wsHandler = route.websocket ? route.handler : route.wsHandler
  if (typeof wsHandler !== 'function') throw new SocketHandlerInvalid()
  const handler = (route.websocket ? replyNotFound : route.handler) as RouteOptions['handler']
  // What describes the API knows nothing of sockets.
  if (route.websocket) route.schema = Object.assign(route.schema ?? {}, { hide: true }) as FastifySchema

  const socketRoute: SocketRoute = { instance, settings, registration, owner: createOwner(instance, settings, registration.server), handler: wsHandler as SocketHandler }
  const onRequest = route.onRequest === undefined ? [] : [route.onRequest].flat()
  route.onRequest = [
    (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => {
      if (isUpgrade(request.raw)) checkHandshake(settings, registration.limits, request, reply, done)
      else done()
    },
    ...onRequest
  ] as NonNullable<RouteOptions['onRequest']>
  route.handler = function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply) {
    return isUpgrade(request.raw) ? acceptSocket(socketRoute, request, reply) : handler.call(this, request, reply)
  }
  return true
}

function replyNotFound (_request: FastifyRequest, reply: FastifyReply): void {
  reply.code(404).send()
}
