import type { FastifyInstance, FastifySchema, RouteOptions, RouteShorthandOptions } from 'fastify'
import { resolveSettings } from '../options/resolve.js'
import { isSocketOption, SOCKET_OPTIONS } from '../options/table.js'
import type { SocketOptions, WireOptions } from '../options/options.js'
import { checkMessageOptions, checkRouteOptions, checkTopicOptions } from '../options/route.js'
import { prepareRoute, withFirstHook, type PreparedRoute } from './prepare-route.js'
import type { Registration } from './registration.js'
import type { SocketHandler, SocketRouteOptions, SocketSchema } from '../options/declaration.js'

/** A route option for the plugin's onRoute hook, which learns the URLs of the route from Fastify. */
export const declaration = Symbol('declaration')

/** The value of that option. */
export interface SocketDeclaration extends Pick<PreparedRoute, 'defineTopics'> {
  /** The time limit for handshakes, in milliseconds. */
  readonly handshakeTimeout: number
}

/**
 * Declares a socket at a URL: an ordinary route with a constraint that only upgrades satisfy.
 * @throws BadOption, RouteOption, MisspeltOption, and the errors of `app.route()`
 */
export function addSocketRoute (
  instance: FastifyInstance, defaults: WireOptions, registration: Registration, url: string,
  options: SocketRouteOptions, handler: SocketHandler
): void {
  checkRouteOptions(options, SOCKET_OPTIONS)
  const { own, route } = splitOptions(options)
  checkMessageOptions(own, route.schema)
  const settings = resolveSettings(own, defaults)
  checkTopicOptions(own, settings.topics.topic)
  // Hidden from API descriptions, where the socket would appear as a GET.
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

interface SplitOptions {
  readonly own: SocketOptions
  readonly route: Omit<RouteShorthandOptions, 'errorHandler' | 'websocket'>
}

function splitOptions (options: SocketRouteOptions): SplitOptions {
  const own: Record<string, unknown> = {}
  const route: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) (isSocketOption(name) ? own : route)[name] = value
  return { own, route }
}
