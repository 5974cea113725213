import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { isDropIn, type DropInRoute } from './drop-in.js'
import { applicationOf } from './fastify-servers.js'

/** A route declared before the plugin was loaded. */
export interface EarlyRoute {
  readonly instance: FastifyInstance
  /** Changes the route before Fastify reads it. */
  change (open: (route: DropInRoute) => void): void
}

// By the application.
const routesOf = new WeakMap<object, EarlyRoute[]>()

/**
 * Without await, `app.register(fastifyWire)` loads the plugin after the routes that follow it, which its onRoute hook
 * would miss. So an earlier hook, added when Fastify announces a new application, records them. In an application or
 * context that never loads the plugin, the recorded routes behave as declared.
 */
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  const routes: EarlyRoute[] = []
  routesOf.set(applicationOf(fastify), routes)
  fastify.addHook('onRoute', function (this: FastifyInstance, options) {
    const route = options as unknown as DropInRoute
    if (isDropIn(route) && !this.hasDecorator('websocketServer')) routes.push(record(this, route))
  })
})

// Fastify reads hooks and schema of a route when it is ready, but the handler at once. So the handler is a wrapper.
function record (instance: FastifyInstance, route: DropInRoute): EarlyRoute {
  const { handler } = route
  let current = handler
  route.handler = function (this: FastifyInstance, ...args: never[]) { return current.apply(this, args) }
  if (route.websocket || route.schema !== undefined) route.schema = { ...route.schema }
  return {
    instance,
    change (open) {
      route.handler = handler
      open(route)
      current = route.handler
    }
  }
}

/** Whether early routes of an application are recorded: not if it was created before this module was loaded. */
export function isWatched (instance: FastifyInstance): boolean {
  return routesOf.has(applicationOf(instance))
}

/** Returns the recorded routes of an instance and its child contexts, and forgets them. */
export function takeEarlyRoutes (instance: FastifyInstance): EarlyRoute[] {
  const routes = routesOf.get(applicationOf(instance))
  if (routes === undefined) return []
  const within = routes.filter((early) => {
    return early.instance === instance || Object.prototype.isPrototypeOf.call(instance, early.instance)
  })
  routesOf.set(applicationOf(instance), routes.filter((early) => !within.includes(early)))
  return within
}
