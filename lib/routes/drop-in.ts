import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import type { SocketHandler } from '../options/declaration.js'
import { SocketMethod, SocketHandlerInvalid } from '../errors.js'
import { resolveDropInSettings, type Settings } from '../options/resolve.js'
import { isSocketOption, SOCKET_OPTIONS } from '../options/table.js'
import type { SocketOptions, WireOptions } from '../options/options.js'
import { checkMessageOptions, checkTopicOptions, misspeltRouteOptions } from '../options/route.js'
import { prepareRoute, withFirstHook } from './prepare-route.js'
import type { Registration } from './registration.js'
import { tryLog } from '../try-log.js'
import { describesMessages } from './schema.js'
import { urlsOf } from './socket-urls.js'
import { isUpgrade } from './upgrade-constraint.js'
import type { declaration, SocketDeclaration } from './ws-route.js'

/** A route as Fastify passes it to an onRoute hook, with the options of @fastify/websocket. */
export interface DropInRoute extends Omit<RouteOptions, 'handler' | 'websocket' | 'wsHandler'> {
  websocket?: boolean
  wsHandler?: unknown
  handler: (this: FastifyInstance, ...args: never[]) => unknown
  /** Without the prefix. */
  routePath: string
  prefix: string
  /** Set on routes of `app.ws()`. */
  [declaration]?: SocketDeclaration
}

/** Whether a route is declared as for @fastify/websocket: with `{ websocket: true }` or a `wsHandler`. */
export function isDropIn (route: DropInRoute): boolean {
  return Boolean(route.websocket) || Boolean(route.wsHandler)
}

/**
 * Makes a route answer upgrades as well: an upgrade opens a socket, any other request runs the handler, or gets 404 if
 * there is none. It stays one route, so that hooks added by other plugins run once.
 * @param route changed in place; its schema must not be shared: see `copySchema()`
 * @returns the settings of its sockets; undefined for a HEAD route, which has none
 * @throws SocketMethod, SocketHandlerInvalid, BadOption, RouteOption
 */
export function openToUpgrades (
  instance: FastifyInstance, route: DropInRoute, defaults: WireOptions, registration: Registration
): Settings | undefined {
  // Hidden from API descriptions, where the socket would appear as a GET.
  if (route.websocket) Object.assign(route.schema as FastifySchema, { hide: true })
  const methods = [route.method].flat()
  if (methods.every((method) => method === 'HEAD')) {
    // Fastify adds a HEAD route to each GET, with the handler of the socket.
    if (route.websocket) route.handler = replyNotFound
    return undefined
  }
  if (methods.some((method) => method !== 'GET' && method !== 'HEAD')) throw new SocketMethod()
  const wsHandler = route.websocket ? route.handler : route.wsHandler
  if (typeof wsHandler !== 'function') throw new SocketHandlerInvalid()
  const handler = (route.websocket ? replyNotFound : route.handler) as RouteOptions['handler']

  for (const sentence of misspeltRouteOptions(route, SOCKET_OPTIONS)) {
    tryLog(instance.log, 'warn', { route: route.url }, sentence)
  }
  const own = ownOptions(route)
  checkMessageOptions(own, route.schema)
  const settings = resolveDropInSettings(defaults, own)
  checkTopicOptions(own, settings.topics.topic)
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

/** The socket options of a route. As in @fastify/websocket, its errorHandler is for HTTP requests only. */
function ownOptions (route: DropInRoute): SocketOptions {
  return Object.fromEntries(Object.entries(route).filter(([name]) => name !== 'errorHandler' && isSocketOption(name)))
}

/** Copies the schema of a route, because Fastify's HEAD route or another route of the application may share it. */
export function copySchema (route: DropInRoute): void {
  if (route.websocket || describesMessages(route.schema)) route.schema = { ...route.schema }
}
