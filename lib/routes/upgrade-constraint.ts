import type { IncomingMessage } from 'node:http'

/**
 * The kind of route that takes the upgrades at a URL: one with the constraint below, as `app.ws()` declares it, or one
 * that serves requests and upgrades, as in @fastify/websocket.
 */
export type RouteKind = 'constrained' | 'shared'

interface Urls {
  find (url: string): { readonly routeKind: RouteKind } | undefined
}

const socketUrls = Symbol('socketUrls')

interface UpgradeRequest extends IncomingMessage {
  [socketUrls]?: Urls
}

/**
 * Marks a request as an upgrade, for the constraint.
 * @param urls searched when the router derives the constraint, because Fastify calls `rewriteUrl` before that
 */
export function markUpgrade (request: IncomingMessage, urls: Urls): void {
  (request as UpgradeRequest)[socketUrls] = urls
}

/** Whether a request is an upgrade that the plugin answers. */
export function isUpgrade (request: IncomingMessage): boolean {
  return (request as UpgradeRequest)[socketUrls] !== undefined
}

/** An upgrade to an unknown URL satisfies the constraint too, because other plugins may use it. */
function isConstrained (request: UpgradeRequest): boolean {
  const urls = request[socketUrls]
  return urls !== undefined && urls.find(request.url as string)?.routeKind !== 'shared'
}

/** The router constraint that only upgrades satisfy. With it a resource and its socket are two routes at one URL. */
export const upgradeConstraint = {
  name: 'upgrade',
  mustMatchWhenDerived: true,
  deriveConstraint: (request: IncomingMessage) => isConstrained(request) ? 'websocket' : undefined,
  validate: () => true,
  storage: () => {
    const handlers = new Map<string, unknown>()
    return {
      get: (value: string) => handlers.get(value),
      set: (value: string, handler: unknown) => { handlers.set(value, handler) }
    }
  }
}
