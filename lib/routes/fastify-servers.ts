import type { FastifyInstance, FastifyRequest } from 'fastify'
import { readSlot, readSlots } from './fastify-slots.js'

// What Fastify calls these slots, which are not public. Servers: it hands 'upgrade' events of these on, and no other ones.
const SERVERS = 'fastify.serverBindings'
const CHILDREN = 'fastify.children'
const LOG_CONTROLLER = 'fastify.logController'

/** The servers that listen beside that of the application: on 'localhost' there is one for each address. Known once it listens. */
export function secondaryServers (instance: FastifyInstance): readonly object[] {
  return readSlot(instance, SERVERS) as object[] | undefined ?? []
}

/** The contexts of an application that are within its root, from whichever of them. */
export function contextsOf (instance: FastifyInstance): FastifyInstance[] {
  const within = (children: readonly FastifyInstance[]): FastifyInstance[] => {
    return children.flatMap((child) => [child, ...within(readSlot(child, CHILDREN) as FastifyInstance[])])
  }
  return within(readSlots(instance, CHILDREN).at(-1) as FastifyInstance[] | undefined ?? [])
}

interface LogController {
  isLogDisabled (request: FastifyRequest): boolean
}

/** Whether Fastify logs a request. Its log controller knows, which an application may give; older versions have the option alone. */
export function requestLogging (instance: FastifyInstance): (request: FastifyRequest) => boolean {
  const controller = readSlot(instance, LOG_CONTROLLER) as LogController | undefined
  if (controller !== undefined) return (request) => !controller.isLogDisabled(request)
  const disabled: unknown = instance.initialConfig.disableRequestLogging
  if (typeof disabled === 'function') return (request) => (disabled as (request: FastifyRequest) => boolean)(request) !== true
  return () => disabled !== true
}
