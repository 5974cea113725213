import type { IncomingMessage } from 'node:http'

/** Which routes may take an upgrade: those under the constraint below only, or those without it. */
export type Marked = 'constrained' | 'shared'

/** The URLs that hold a socket. */
interface Urls {
  find (url: string): { readonly marked: Marked } | undefined
}

const mark = Symbol('mark')

interface MarkedMessage extends IncomingMessage {
  [mark]?: Urls
}

/**
 * Lets the router see that this request is an upgrade. Which routes may take it is found out when the router asks: only
 * then has Fastify called `rewriteUrl`.
 */
export function markUpgrade (request: IncomingMessage, urls: Urls): void {
  (request as MarkedMessage)[mark] = urls
}

/** Whether a request came as an upgrade that we answer. */
export function isUpgrade (request: IncomingMessage): boolean {
  return (request as MarkedMessage)[mark] !== undefined
}

/** Where no socket stands, an upgrade is for the routes under the constraint, of which there may be others than ours. */
function isConstrained (request: MarkedMessage): boolean {
  const urls = request[mark]
  return urls !== undefined && urls.find(request.url as string)?.marked !== 'shared'
}

/** The router constraint that only an upgrade satisfies, so that one URL holds a resource and its socket as two routes. */
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
