import type { FastifyInstance, RouteOptions, RouteShorthandOptions } from 'fastify'
import { acceptSocket, checkHandshake, type Registration, type SocketHandler, type SocketRoute } from './accept.js'
import { createLimits } from '../server/connection-limits.js'
import { isSocketOption, resolveSettings, SOCKET_OPTIONS, type SocketOptions, type WireOptions } from '../options/resolve.js'
import { checkMessageOptions, checkRouteOptions } from '../options/route.js'
import { createObserver, createSocketSettings } from './observer.js'
import { describesMessages, MessageSchemas, type SocketSchema } from './schema.js'

/** Where the onRoute hook of the plugin finds how long the handshakes of a route may take. */
export const handshakeTimeout = Symbol('handshakeTimeout')

/** The options of a socket route: those of a Fastify route, and those of its sockets. */
export type SocketRouteOptions = SocketOptions & Omit<RouteShorthandOptions, 'errorHandler' | 'exposeHeadRoute' | 'bodyLimit' | 'websocket' | 'schema'> & { schema?: SocketSchema }

/**
 * Declares a socket at a URL: an ordinary route under the constraint that only an upgrade satisfies.
 * @throws BadOption, RouteOption, MisspeltOption, and what Fastify throws for a route
 */
export function addSocketRoute (instance: FastifyInstance, defaults: WireOptions, registration: Registration, url: string, options: SocketRouteOptions, handler: SocketHandler): void {
  checkRouteOptions(options, SOCKET_OPTIONS)
  const { own, route } = splitOptions(options)
  checkMessageOptions(own, route.schema)
  const settings = resolveSettings(own, defaults)
  const limits = [...registration.limits, ...createLimits(settings)]
  // A description of the HTTP API has the resource at this URL, or nothing: a socket would stand there as a GET.
  const schema: SocketSchema = Object.assign({ hide: true }, route.schema)
  const messages = describesMessages(schema)
    ? new MessageSchemas(instance, schema, settings, { ...route, url })
    : undefined
  route.schema = messages?.routeSchema ?? schema
  const socketRoute: SocketRoute = {
    instance,
    settings,
    registration,
    socketSettings: createSocketSettings(settings, registration.server, messages),
    observer: createObserver(instance, settings, registration.server),
    handler
  }
  const onRequest = route.onRequest === undefined ? [] : [route.onRequest].flat()
  const declared: RouteOptions & { [handshakeTimeout]: number } = {
    ...route,
    [handshakeTimeout]: settings.handshakeTimeout,
    method: 'GET',
    url,
    exposeHeadRoute: false,
    constraints: { ...route.constraints, upgrade: 'websocket' },
    onRequest: [(request, reply, done) => { checkHandshake(settings, limits, request, reply, done) }, ...onRequest] as NonNullable<RouteOptions['onRequest']>,
    handler: (request, reply) => {
      messages?.take(reply)
      return acceptSocket(socketRoute, request, reply)
    }
  }
  instance.route(declared)
  messages?.compileWhenReady()
}

function splitOptions (options: SocketRouteOptions): { own: SocketOptions, route: Omit<RouteShorthandOptions, 'errorHandler' | 'websocket'> } {
  const own: Record<string, unknown> = {}
  const route: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) (isSocketOption(name) ? own : route)[name] = value
  return { own, route }
}
