import type { FastifyInstance, FastifyRequest } from 'fastify'
import { readSlot, readSlots } from './fastify-slots.js'

// Private slots of Fastify. It forwards 'upgrade' events of the servers in SERVERS, but no other events.
const SERVERS = 'fastify.serverBindings'
const CHILDREN = 'fastify.children'
const LOG_CONTROLLER = 'fastify.logController'

/** Returns the object that stands for an application, for any instance of it. Applications may share a server. */
export function applicationOf (instance: FastifyInstance): object {
  return instance.initialConfig
}

/** Fastify's further servers: on 'localhost' it listens with one server per address. Empty before it listens. */
export function secondaryServers (instance: FastifyInstance): readonly object[] {
  return readSlot(instance, SERVERS) as object[] | undefined ?? []
}

/** Returns all contexts below the root of an application, for any instance of it. */
export function contextsOf (instance: FastifyInstance): FastifyInstance[] {
  const within = (children: readonly FastifyInstance[]): FastifyInstance[] => {
    return children.flatMap((child) => [child, ...within(readSlot(child, CHILDREN) as FastifyInstance[])])
  }
  return within(readSlots(instance, CHILDREN).at(-1) as FastifyInstance[] | undefined ?? [])
}

interface LogController {
  isLogDisabled (request: FastifyRequest): boolean
}

/** Returns a function that tells whether Fastify logs a request. Older versions of Fastify have no log controller. */
export function requestLogging (instance: FastifyInstance): (request: FastifyRequest) => boolean {
  const controller = readSlot(instance, LOG_CONTROLLER) as LogController | undefined
  if (controller !== undefined) return (request) => !controller.isLogDisabled(request)
  const disabled: unknown = instance.initialConfig.disableRequestLogging
  if (typeof disabled !== 'function') return () => disabled !== true
  return (request) => (disabled as (request: FastifyRequest) => boolean)(request) !== true
}
