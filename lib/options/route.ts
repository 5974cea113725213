import { inspect } from 'node:util'
import type { SocketHandler, SocketRouteOptions, SocketSchema } from './declaration.js'
import { BadOption, HandlerMissing, HandlerObject, RouteArguments, RouteOption, UrlInvalid } from '../errors.js'
import { adviseOnRouteOption, holdsListeners } from './foreign.js'
import { meantName, refuseMisspelt } from './names.js'
import { PLUGIN_OPTIONS } from './table.js'

interface Declaration {
  readonly options: SocketRouteOptions
  readonly handler: SocketHandler
}

/** Options of Fastify's routes that a socket route fixes: the allowed value, and the reason for the error message. */
const FIXED: ReadonlyArray<readonly [name: string, allowed: unknown, why: string]> = [
  ['method', 'GET', 'a handshake is a GET request'],
  ['url', undefined, 'the URL is the first argument'],
  ['path', undefined, 'the URL is the first argument'],
  ['websocket', undefined, 'app.ws() always declares a WebSocket route'],
  ['handler', undefined, 'the handler is the last argument'],
  ['wsHandler', undefined, 'the handler is the last argument'],
  ['bodyLimit', undefined, 'a handshake has no body; maxPayload limits a message'],
  ['exposeHeadRoute', false, 'a socket route has no HEAD route']
]

/**
 * Reads the arguments of app.ws().
 * @throws UrlInvalid, HandlerMissing, HandlerObject, RouteArguments
 */
export function readDeclaration (url: unknown, second: unknown, third: unknown): Declaration {
  const isShort = typeof second === 'function' && third === undefined
  const handler = isShort ? second : third
  const options = isShort || second === undefined ? {} : second
  if (typeof second === 'function' && !isShort) throw new RouteArguments(inspect(url))
  if (typeof handler !== 'function') {
    throw holdsListeners(handler ?? second) ? new HandlerObject(inspect(url)) : new HandlerMissing(JSON.stringify(url))
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new RouteArguments(inspect(url))
  }
  if (typeof url !== 'string' || !/^([/*]|$)/.test(url)) throw new UrlInvalid(inspect(url))
  return { options: options as SocketRouteOptions, handler: handler as SocketHandler }
}

/**
 * Refuses options that app.ws() would ignore.
 * @param names the names of the socket options
 * @throws RouteOption, MisspeltOption
 */
export function checkRouteOptions (options: object, names: readonly string[]): void {
  const given = options as Record<string, unknown>
  for (const name of PLUGIN_OPTIONS) {
    if (given[name] !== undefined) {
      throw new RouteOption(name, 'it applies to all routes, pass it to app.register(fastifyWire, { … })')
    }
  }
  for (const [name, allowed, why] of FIXED) {
    if (given[name] !== undefined && given[name] !== allowed) throw new RouteOption(name, why)
  }
  for (const name of Object.keys(given)) {
    const advice = given[name] === undefined ? undefined : adviseOnRouteOption(name)
    if (advice !== undefined) throw new RouteOption(name, advice)
  }
  const upgrade = (given['constraints'] as Record<string, unknown> | undefined)?.['upgrade']
  if (upgrade !== undefined && upgrade !== 'websocket') {
    throw new RouteOption('constraints.upgrade', "it is always 'websocket'")
  }
  refuseMisspelt(given, names)
  if (given['schema'] !== undefined) refuseMisspelt(given['schema'] as object, ['message', 'send'], 'schema.')
}

/**
 * Finds options of a drop-in route that are probably misspelt or belong to another package. They are warnings, not
 * errors, because other plugins may read them from the route.
 * @param names the names of the socket options
 * @returns a warning for each
 */
export function misspeltRouteOptions (route: object, names: readonly string[]): string[] {
  return Object.keys(route).flatMap((name) => {
    if (names.includes(name)) return []
    const meant = meantName(name, names)
    const advice = adviseOnRouteOption(name) ?? (meant === undefined ? undefined : `did you mean "${meant}"?`)
    return advice === undefined ? [] : [`a socket route has no option "${name}", it is ignored: ${advice}`]
  })
}

/**
 * Refuses options about topics on a route whose topics they cannot reach.
 * @param own the options of the route, without the plugin's
 * @param topic the option `topic` of the route or the plugin
 * @throws RouteOption
 */
export function checkTopicOptions (own: { history?: unknown, presence?: unknown }, topic: unknown): void {
  for (const name of ['history', 'presence'] as const) {
    if (own[name] !== undefined && topic === undefined) {
      throw new RouteOption(name, 'it needs the option topic, which the route does not have')
    }
  }
  // A message may be published before a socket has followed the topic, or in another process.
  if (own.history !== undefined && typeof topic === 'function') {
    const advice = 'the names that a function returns are not known beforehand. Use app.topics.define(), or set ' +
      'history for all topics in app.register(fastifyWire, { history })'
    throw new RouteOption('history', advice)
  }
}

/**
 * Refuses options about message schemas on a route without them.
 * @param own the options of the route, without the plugin's
 * @throws RouteOption, BadOption
 */
export function checkMessageOptions (
  own: { onInvalid?: unknown, onBinary?: unknown, validateSend?: unknown }, schema: SocketSchema | undefined
): void {
  for (const part of ['message', 'send'] as const) {
    if (schema?.[part] === null) throw new BadOption(`schema.${part}`, 'a schema', 'null')
  }
  if (own.validateSend !== undefined && schema?.send === undefined) {
    throw new RouteOption('validateSend', 'it needs schema.send, which the route does not have')
  }
  if (schema?.message !== undefined) return
  for (const name of ['onInvalid', 'onBinary'] as const) {
    if (own[name] !== undefined) {
      throw new RouteOption(name, 'it needs schema.message, which the route does not have')
    }
  }
}
