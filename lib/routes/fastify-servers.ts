import type { FastifyInstance, FastifyRequest } from 'fastify'

// What Fastify calls these slots, which are not public. Servers: it hands 'upgrade' events of these on, and no other ones.
const SERVERS = 'fastify.serverBindings'
const CHILDREN = 'fastify.children'
const LOG_CONTROLLER = 'fastify.logController'

/** The servers that listen beside that of the application: on 'localhost' there is one for each address. Known once it listens. */
export function secondaryServers (instance: FastifyInstance): readonly object[] {
  return slotsOf(instance, SERVERS)[0] ?? []
}

/** The contexts of an application that are within its root, from whichever of them. */
export function contextsOf (instance: FastifyInstance): FastifyInstance[] {
  const within = (children: readonly object[]): FastifyInstance[] => {
    return children.flatMap((child) => [child as FastifyInstance, ...within(slotsOf(child, CHILDREN)[0] as readonly object[])])
  }
  return within(slotsOf(instance, CHILDREN).at(-1) ?? [])
}

interface LogController {
  isLogDisabled (request: FastifyRequest): boolean
}

/** Whether Fastify logs a request. Its log controller knows, which an application may give; older versions have the option alone. */
export function requestLogging (instance: FastifyInstance): (request: FastifyRequest) => boolean {
  const [controller] = slotsOf(instance, LOG_CONTROLLER) as unknown as [LogController | undefined]
  if (controller !== undefined) return (request) => !controller.isLogDisabled(request)
  const disabled: unknown = instance.initialConfig.disableRequestLogging
  if (typeof disabled === 'function') return (request) => (disabled as (request: FastifyRequest) => boolean)(request) !== true
  return () => disabled !== true
}

/** The values of a slot, of a context and of those around it, up to the root. */
function slotsOf (context: object, name: string): Array<readonly object[]> {
  const values: Array<readonly object[]> = []
  for (let holder: object | null = context; holder !== null; holder = Object.getPrototypeOf(holder) as object | null) {
    const slot = Object.getOwnPropertySymbols(holder).find(({ description }) => description === name)
    if (slot !== undefined) values.push((holder as Record<symbol, readonly object[]>)[slot] as readonly object[])
  }
  return values
}
