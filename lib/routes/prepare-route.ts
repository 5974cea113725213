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

/** What a route does with an upgrade, whichever way it was declared. */
export interface PreparedRoute {
  /** The schema to declare the route with. */
  readonly schema: FastifySchema | undefined
  /** Checks the handshake, before any hook of the route runs. */
  check (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void
  /** Opens the socket, after all hooks have run. */
  accept (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> | undefined
  /** Has the rules of its topics found by the pattern of one of its URLs. */
  defineTopics (pattern: string): void
  /** Has the schemas of messages compiled when the application is ready. */
  compileWhenReady (): void
}

/**
 * Makes of what a route declares what its upgrades need.
 * @param schema changed where it describes messages, so it must be that of the route alone
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
      messages?.take(reply)
      return acceptSocket(socketRoute, request, reply)
    },
    defineTopics: (pattern) => { defineTopics(registration.hub, pattern, settings.topics, write) },
    compileWhenReady: () => { messages?.compileWhenReady() }
  }
}

/** The onRequest hooks of a route, with one before them. */
export function withFirstHook (first: PreparedRoute['check'], { onRequest }: Pick<RouteOptions, 'onRequest'>): NonNullable<RouteOptions['onRequest']> {
  const others = onRequest === undefined ? [] : [onRequest].flat()
  return [first, ...others] as NonNullable<RouteOptions['onRequest']>
}
