import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { isDropIn, type DropInRoute } from './drop-in.js'

/** A route declared before the plugin was loaded. */
export interface EarlyRoute {
  readonly instance: FastifyInstance
  /** Changes the route before Fastify reads it. */
  change (open: (route: DropInRoute) => void): void
}

// By the HTTP server, which an application has from its first moment.
const routesOf = new WeakMap<object, EarlyRoute[]>()

/**
 * `app.register(fastifyWire)` that is not awaited loads the plugin after the routes declared right behind it, and an
 * onRoute hook sees none of them. Fastify announces each application that it creates, so the hook can be there first.
 * It only notes the routes: they stay what they are in an application, or a context, that never loads the plugin.
 */
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  const routes: EarlyRoute[] = []
  routesOf.set(fastify.server, routes)
  fastify.addHook('onRoute', function (this: FastifyInstance, options) {
    const route = options as unknown as DropInRoute
    if (isDropIn(route) && !this.hasDecorator('websocketServer')) routes.push(note(this, route))
  })
})

// Fastify reads hooks and schema of a route when it is ready, but takes its handler at once: this one can be changed later.
function note (instance: FastifyInstance, route: DropInRoute): EarlyRoute {
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

/** Whether the routes of an application were seen from its first moment: those of one made before this module was loaded were not. */
export function isWatched (instance: FastifyInstance): boolean {
  return routesOf.has(instance.server)
}

/** The routes that an instance and the contexts in it have so far; each is handed over once. */
export function takeEarlyRoutes (instance: FastifyInstance): EarlyRoute[] {
  const routes = routesOf.get(instance.server)
  if (routes === undefined) return []
  const within = routes.filter((early) => early.instance === instance || Object.prototype.isPrototypeOf.call(instance, early.instance))
  routesOf.set(instance.server, routes.filter((early) => !within.includes(early)))
  return within
}
