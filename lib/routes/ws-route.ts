import type { FastifyInstance, FastifySchema, RouteOptions, RouteShorthandOptions } from 'fastify'
import { resolveSettings } from '../options/resolve.js'
import { isSocketOption, SOCKET_OPTIONS } from '../options/table.js'
import type { SocketOptions, WireOptions } from '../options/options.js'
import { checkMessageOptions, checkRouteOptions } from '../options/route.js'
import { prepareRoute, withFirstHook, type PreparedRoute } from './prepare-route.js'
import type { Registration } from './registration.js'
import type { SocketHandler, SocketRouteOptions, SocketSchema } from '../options/declaration.js'

/** Where the onRoute hook of the plugin finds what it has to know of a route, whose URLs Fastify says there. */
export const declaration = Symbol('declaration')

/** What is found there. */
export interface SocketDeclaration extends Pick<PreparedRoute, 'defineTopics'> {
  /** How long its handshakes may take, in milliseconds. */
  readonly handshakeTimeout: number
}

/**
 * Declares a socket at a URL: an ordinary route under the constraint that only an upgrade satisfies.
 * @throws BadOption, RouteOption, MisspeltOption, and what Fastify throws for a route
 */
export function addSocketRoute (instance: FastifyInstance, defaults: WireOptions, registration: Registration, url: string, options: SocketRouteOptions, handler: SocketHandler): void {
  checkRouteOptions(options, SOCKET_OPTIONS)
  const { own, route } = splitOptions(options)
  checkMessageOptions(own, route.schema)
  const settings = resolveSettings(own, defaults)
  // A description of the HTTP API has the resource at this URL, or nothing: a socket would stand there as a GET.
  const schema: SocketSchema = Object.assign({ hide: true }, route.schema)
  const prepared = prepareRoute(instance, registration, settings, schema, { ...route, url }, handler)
  const declared: RouteOptions & { [declaration]: SocketDeclaration } = {
    ...route,
    schema: prepared.schema as FastifySchema,
    [declaration]: { handshakeTimeout: settings.handshakeTimeout, defineTopics: prepared.defineTopics },
    method: 'GET',
    url,
    exposeHeadRoute: false,
    constraints: { ...route.constraints, upgrade: 'websocket' },
    onRequest: withFirstHook(prepared.check, route as Pick<RouteOptions, 'onRequest'>),
    handler: prepared.accept
  }
  instance.route(declared)
  prepared.compileWhenReady()
}

function splitOptions (options: SocketRouteOptions): { own: SocketOptions, route: Omit<RouteShorthandOptions, 'errorHandler' | 'websocket'> } {
  const own: Record<string, unknown> = {}
  const route: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) (isSocketOption(name) ? own : route)[name] = value
  return { own, route }
}
