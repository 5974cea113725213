import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import type { Settings } from '../options/resolve.js'
import { createLimits } from '../server/connection-limits.js'
import type { SocketHandler } from '../options/declaration.js'
import { acceptSocket, checkHandshake, type SocketRoute } from './accept.js'
import { createObserver, createSocketSettings } from './observer.js'
import type { Registration } from './registration.js'
import { defineTopics } from './route-topics.js'
import { describesMessages, MessageSchemas } from './schema.js'

type MessageRoute = ConstructorParameters<typeof MessageSchemas>[3]

/** The parts of a socket route that `app.ws()` and drop-in routes share. */
export interface PreparedRoute {
  /** The schema to declare the route with. */
  readonly schema: FastifySchema | undefined
  /** Checks the handshake, before the hooks of the route. */
  check (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void
  /** Opens the socket, after the hooks of the route. */
  accept (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> | undefined
  /** Defines the rules of the route's topics for one of its URLs, given with the prefix. */
  defineTopics (pattern: string): void
  /** Adds an onReady hook that compiles the message schemas. */
  compileWhenReady (): void
}

/**
 * Prepares a route for upgrades.
 * @param schema changed in place if it describes messages, so it must not be shared
 */
export function prepareRoute (
  instance: FastifyInstance, registration: Registration, settings: Settings, schema: FastifySchema | undefined,
  route: MessageRoute, handler: SocketHandler
): PreparedRoute {
  const limits = [...registration.limits, ...createLimits(settings)]
  const messages = describesMessages(schema) ? new MessageSchemas(instance, schema, settings, route) : undefined
  const socketRoute: SocketRoute = {
    instance,
    settings,
    registration,
    socketSettings: createSocketSettings(settings, registration, messages),
    observer: createObserver(instance, settings, registration),
    handler
  }
  const outbound = messages?.outbound
  const write = outbound && ((value: unknown) => outbound.write(value))
  return {
    schema: messages?.routeSchema ?? schema,
    check: (request, reply, done) => { checkHandshake(settings, limits, request, reply, done) },
    accept: (request, reply) => {
      messages?.takeSerializer(reply)
      return acceptSocket(socketRoute, request, reply)
    },
    defineTopics: (pattern) => { defineTopics(registration.hub, pattern, settings.topics, write) },
    compileWhenReady: () => { messages?.compileWhenReady() }
  }
}

/** Returns the onRequest hooks of a route with another one before them. */
export function withFirstHook (
  first: PreparedRoute['check'], { onRequest }: Pick<RouteOptions, 'onRequest'>
): NonNullable<RouteOptions['onRequest']> {
  const others = onRequest === undefined ? [] : [onRequest].flat()
  return [first, ...others] as NonNullable<RouteOptions['onRequest']>
}
