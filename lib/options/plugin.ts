import { inspect } from 'node:util'
import { BadOption, ErrorHandlerInvalid, NoServer, PreCloseInvalid } from '../errors.js'
import type { WireOptions } from './options.js'
import type { WireServerOptions } from '../server/server.js'
import { ANY_SIZE } from './checks.js'
import { DEFLATE_NAMES } from './deflate.js'
import type { DeflateOptions } from '../deflate/settings.js'
import { adviseOnPluginOption } from './foreign.js'
import { meantName } from './names.js'
import { OPTIONS, PLUGIN_OPTIONS } from './table.js'

const SERVER_NAMES: readonly string[] = [
  'maxPayload', 'verifyClient', 'handleProtocols', 'perMessageDeflate', 'clientTracking', 'server', 'noServer', 'path',
  'host', 'port', 'backlog', 'autoPong', 'skipUTF8Validation', 'allowSynchronousEvents', 'WebSocket'
] satisfies Array<keyof WireServerOptions>

/**
 * Reads the options of the plugin. Options shared with @fastify/websocket behave as there: null means none, and the
 * values that `ws` accepts are accepted. Three errors keep the messages of @fastify/websocket, because applications may
 * match them.
 * @returns the defaults of all routes
 * @throws ErrorHandlerInvalid, PreCloseInvalid, NoServer, BadOption
 */
export function readPluginOptions (given: WireOptions): WireOptions {
  const { errorHandler, preClose, maxPayload, perMessageDeflate, options, ...others } = given
  if (errorHandler && typeof errorHandler !== 'function') throw new ErrorHandlerInvalid()
  if (preClose && typeof preClose !== 'function') throw new PreCloseInvalid()
  OPTIONS.decorator.resolve(given.decorator)
  const server = readServerOptions(options)
  const read: WireOptions = { ...others, options: server }
  const largest = maxPayload ?? server.maxPayload
  const deflate = perMessageDeflate ?? server.perMessageDeflate
  if (errorHandler) read.errorHandler = errorHandler
  if (preClose) read.preClose = preClose
  if (largest !== undefined) read.maxPayload = largest
  if (deflate !== undefined) read.perMessageDeflate = deflate
  return read
}

function readServerOptions (given: WireServerOptions | null | undefined): WireServerOptions {
  if (given === undefined || given === null) return {}
  if (typeof given !== 'object') throw new BadOption('options', 'an object', inspect(given))
  const { maxPayload, perMessageDeflate, server, ...others } = given
  if (others.noServer) throw new NoServer()
  for (const name of ['verifyClient', 'handleProtocols'] as const) {
    if (others[name] && typeof others[name] !== 'function') {
      throw new BadOption(`options.${name}`, 'a function', inspect(others[name]))
    }
  }
  const read: WireServerOptions = { ...others }
  if (server) {
    if (typeof server.on !== 'function') throw new BadOption('options.server', 'an HTTP server', inspect(server))
    read.server = server
  }
  if (maxPayload !== undefined) read.maxPayload = readMaxPayload(maxPayload)
  if (perMessageDeflate !== undefined) read.perMessageDeflate = readDeflate(perMessageDeflate)
  return read
}

// `ws` converts the number to 32 bits, and treats 0 as no limit.
function readMaxPayload (given: unknown): number {
  const bytes = Number(given) | 0
  return bytes > 0 ? bytes : ANY_SIZE.max
}

function readDeflate (given: unknown): boolean | DeflateOptions {
  if (typeof given !== 'object' || given === null) return Boolean(given)
  const isKnown = ([name, value]: [string, unknown]): boolean => DEFLATE_NAMES.includes(name) && value !== null
  return Object.fromEntries(Object.entries(given).filter(isKnown))
}

/**
 * Finds plugin options that are probably misspelt or belong to another package. They are warnings, not errors, because
 * autoload passes the same options to every plugin.
 * @param names the names of the socket options
 * @returns a warning for each
 */
export function misspeltOptions (given: WireOptions, names: readonly string[]): string[] {
  return [...misspelt(given, [...names, ...PLUGIN_OPTIONS]), ...misspelt(given.options ?? {}, SERVER_NAMES, 'options.')]
}

function misspelt (given: object, names: readonly string[], prefix = ''): string[] {
  return Object.keys(given).flatMap((name) => {
    if (names.includes(name)) return []
    const meant = meantName(name, names)
    const advice = adviseOnPluginOption(name) ?? (meant === undefined ? undefined : `did you mean "${prefix}${meant}"?`)
    return advice === undefined ? [] : [`fastify-wire has no option "${prefix}${name}", it is ignored: ${advice}`]
  })
}
