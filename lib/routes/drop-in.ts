import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import type { SocketHandler } from '../options/declaration.js'
import { SocketMethod, SocketHandlerInvalid } from '../errors.js'
import { resolveDropInSettings, type Settings } from '../options/resolve.js'
import { isSocketOption } from '../options/table.js'
import type { SocketOptions, WireOptions } from '../options/options.js'
import { checkMessageOptions } from '../options/route.js'
import { prepareRoute, withFirstHook } from './prepare-route.js'
import type { Registration } from './registration.js'
import { describesMessages } from './schema.js'
import { urlsOf } from './socket-urls.js'
import { isUpgrade } from './upgrade-constraint.js'
import type { declaration, SocketDeclaration } from './ws-route.js'

/** A route as Fastify hands it to an onRoute hook, with what @fastify/websocket reads of it. */
export interface DropInRoute extends Omit<RouteOptions, 'handler' | 'websocket' | 'wsHandler'> {
  websocket?: boolean
  wsHandler?: unknown
  handler: (this: FastifyInstance, ...args: never[]) => unknown
  /** Without the prefix. */
  routePath: string
  prefix: string
  /** Of a route of `app.ws()`. */
  [declaration]?: SocketDeclaration
}

/** Whether a route was declared as for @fastify/websocket: `{ websocket: true }`, or a `wsHandler` beside its handler. */
export function isDropIn (route: DropInRoute): boolean {
  return Boolean(route.websocket) || Boolean(route.wsHandler)
}

/**
 * Makes one route of both: an upgrade opens a socket, any other request gets the handler, or 404 where there is none.
 * One route and not two, because the hooks that other plugins have put on it must stand there once.
 * @param route its schema is changed, so it must be its own: see `copySchema()`
 * @returns what holds for its sockets; undefined where it has none, as that of a HEAD
 * @throws SocketMethod, SocketHandlerInvalid, BadOption, RouteOption
 */
export function openToUpgrades (instance: FastifyInstance, route: DropInRoute, defaults: WireOptions, registration: Registration): Settings | undefined {
  // What describes the API knows nothing of sockets.
  if (route.websocket) Object.assign(route.schema as FastifySchema, { hide: true })
  const methods = [route.method].flat()
  if (methods.every((method) => method === 'HEAD')) {
    // Fastify adds it to a GET, with the handler of the socket.
    if (route.websocket) route.handler = replyNotFound
    return undefined
  }
  if (methods.some((method) => method !== 'GET' && method !== 'HEAD')) throw new SocketMethod()
  const wsHandler = route.websocket ? route.handler : route.wsHandler
  if (typeof wsHandler !== 'function') throw new SocketHandlerInvalid()
  const handler = (route.websocket ? replyNotFound : route.handler) as RouteOptions['handler']

  const own = ownOptions(route)
  checkMessageOptions(own, route.schema)
  const settings = resolveDropInSettings(defaults, own)
  const prepared = prepareRoute(instance, registration, settings, route.schema, route, wsHandler as SocketHandler)
  for (const url of urlsOf(route)) prepared.defineTopics(url)
  prepared.compileWhenReady()
  route.onRequest = withFirstHook((request, reply, done) => {
    if (isUpgrade(request.raw)) prepared.check(request, reply, done)
    else done()
  }, route as Pick<RouteOptions, 'onRequest'>)
  route.handler = function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply) {
    return isUpgrade(request.raw) ? prepared.accept(request, reply) : handler.call(this, request, reply)
  }
  return settings
}

function replyNotFound (_request: FastifyRequest, reply: FastifyReply): void {
  reply.code(404).send()
}

/** What a route says of its sockets. Its errorHandler is that of its requests, as there. */
function ownOptions (route: DropInRoute): SocketOptions {
  return Object.fromEntries(Object.entries(route).filter(([name]) => name !== 'errorHandler' && isSocketOption(name)))
}

/** A schema that may be changed: that of the route may be declared again, for a HEAD or by the application. */
export function copySchema (route: DropInRoute): void {
  if (route.websocket || describesMessages(route.schema)) route.schema = { ...route.schema }
}
