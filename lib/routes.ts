import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions, RouteShorthandOptions } from 'fastify'
import { HandlerMissing, ProtocolNotOffered, ServerClosing } from './errors.js'
import { chooseProtocol, readHandshake, type Handshake } from './handshake/handshake.js'
import { isSocketOption, resolveSettings, type Settings, type SocketOptions, type WireOptions } from './options.js'
import { Hixie } from './protocol/hixie.js'
import type { Output } from './codec/encoder.js'
import type { Protocol, Sink, Version } from './protocol/protocol.js'
import { Rfc6455 } from './protocol/rfc6455.js'
import type { SocketRoute } from './socket/conversation.js'
import { open, WireSocket } from './socket/socket.js'
import type { UpgradeResponse } from './upgrade/http1.js'

/** Handles the sockets of a route; `this` is the instance on which the route was declared. */
export type SocketHandler = (this: FastifyInstance, socket: WireSocket, request: FastifyRequest) => void | Promise<void>

/** The options of a socket route: those of a Fastify route, and those of its sockets. */
export type SocketRouteOptions = SocketOptions & Omit<RouteShorthandOptions, 'errorHandler' | 'exposeHeadRoute' | 'bodyLimit'>

/** What the sockets of one registration share. */
export interface Sockets {
  readonly open: Set<WireSocket>
  readonly isClosing: () => boolean
  readonly logsRequests: (request: FastifyRequest) => boolean
}

/** The router constraint that only an upgrade satisfies, so that one URL holds a resource and its socket. */
export const upgradeConstraint = {
  name: 'upgrade',
  mustMatchWhenDerived: true,
  deriveConstraint: (request: IncomingMessage) => upgrading.has(request) ? 'websocket' : undefined,
  validate: () => true,
  storage: () => {
    const handlers = new Map<string, unknown>()
    return {
      get: (value: string) => handlers.get(value),
      set: (value: string, handler: unknown) => { handlers.set(value, handler) }
    }
  }
}

const upgrading = new WeakSet<IncomingMessage>()

/** Lets the router see that this request is an upgrade. */
export function markUpgrade (request: IncomingMessage): void {
  upgrading.add(request)
}

/**
 * Declares a socket at a URL.
 * @throws BadOption, HandlerMissing, and what Fastify throws for a route
 */
export function addSocketRoute (instance: FastifyInstance, defaults: WireOptions, sockets: Sockets, url: string, options: SocketRouteOptions, handler: SocketHandler): void {
  if (typeof handler !== 'function') throw new HandlerMissing(JSON.stringify(url))
  const { own, route } = splitOptions(options)
  const settings = resolveSettings(own, defaults)
  const socketRoute = createSocketRoute(settings, sockets)
  const onRequest = route.onRequest === undefined ? [] : [route.onRequest].flat()
  instance.route({
    ...route,
    method: 'GET',
    url,
    exposeHeadRoute: false,
    constraints: { ...route.constraints, upgrade: 'websocket' },
    onRequest: [(request, reply, done) => { checkHandshake(settings, request, reply, done) }, ...onRequest] as NonNullable<RouteOptions['onRequest']>,
    handler: (request, reply) => acceptSocket(instance, settings, socketRoute, sockets, handler, request, reply)
  })
}

function splitOptions (options: SocketRouteOptions): { own: SocketOptions, route: Omit<RouteShorthandOptions, 'errorHandler'> } {
  const own: Record<string, unknown> = {}
  const route: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) (isSocketOption(name) ? own : route)[name] = value
  return { own, route }
}

const handshakes = new WeakMap<object, Handshake>()

function checkHandshake (settings: Settings, request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
  const { raw } = request
  let handshake: Handshake
  try {
    handshake = readHandshake({
      method: request.method,
      httpVersion: raw.httpVersion,
      url: request.originalUrl,
      headers: request.headers,
      secure: request.protocol === 'https',
      host: request.host
    }, settings.versions)
  } catch (error) {
    done(error as Error)
    return
  }
  handshakes.set(reply.raw, handshake)
  done()
}

const NOTHING = Buffer.alloc(0)

async function acceptSocket (instance: FastifyInstance, settings: Settings, route: SocketRoute, sockets: Sockets, handler: SocketHandler, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const response = reply.raw as unknown as UpgradeResponse
  const handshake = handshakes.get(response) as Handshake
  const subprotocol = agreeOnProtocol(settings, handshake, request)
  const body = handshake.bodyLength === 0 ? NOTHING : await response.readBody(handshake.bodyLength, settings.handshakeTimeout)
  if (sockets.isClosing()) throw new ServerClosing()
  response.accept(handshake.answer(subprotocol, body), (stream, head) => {
    const socket = new WireSocket({
      stream,
      route,
      version: handshake.version,
      url: request.originalUrl,
      subprotocol: subprotocol ?? '',
      context: { request, reply, openedAt: performance.now() }
    })
    sockets.open.add(socket)
    socket[open](head, () => handler.call(instance, socket, request))
  })
  return reply.code(101).send()
}

function agreeOnProtocol (settings: Settings, handshake: Handshake, request: FastifyRequest): string | undefined {
  const { protocols } = settings
  if (typeof protocols !== 'function') return chooseProtocol(handshake.offered, protocols)
  if (handshake.offered.length === 0) return undefined
  const chosen = protocols(handshake.offered, request)
  if (chosen === false || chosen === undefined) return undefined
  if (!handshake.offered.includes(chosen)) throw new ProtocolNotOffered(chosen, handshake.offered.join(', '))
  return chosen
}

/** What a socket's route wants back. */
interface Context {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly openedAt: number
}

function createSocketRoute (settings: Settings, sockets: Sockets): SocketRoute {
  return {
    closeTimeout: settings.closeTimeout,
    directIO: settings.directIO,
    createProtocol: (sink, output, { version }) => createProtocol(version, sink, output, settings),
    failed: (error, socket, context) => {
      const { request, reply } = context as Context
      callErrorHandler(settings, error, socket, request, reply)
    },
    closed: (socket, code, reason, context) => {
      const { request, openedAt } = context as Context
      sockets.open.delete(socket)
      if (!sockets.logsRequests(request)) return
      request.log.info({
        socket: {
          version: socket.version,
          code,
          reason: reason.toString(),
          ...socket.traffic
        },
        duration: performance.now() - openedAt
      }, 'socket closed')
    }
  }
}

function createProtocol (version: Version, sink: Sink, output: Output, settings: Settings): Protocol {
  return version === 'hixie-75' || version === 'hixie-76'
    ? new Hixie(sink, output, settings.limits, version)
    : new Rfc6455(sink, output, settings.limits, version)
}

function callErrorHandler (settings: Settings, error: unknown, socket: WireSocket, request: FastifyRequest, reply: FastifyReply): void {
  const failedToo = (second: unknown): void => {
    request.log.error({ err: second }, 'the errorHandler of a WebSocket route failed')
    socket.terminate()
  }
  try {
    const result = settings.errorHandler(error, socket, request, reply)
    if (result instanceof Promise) result.catch(failedToo)
  } catch (second) {
    failedToo(second)
  }
}
