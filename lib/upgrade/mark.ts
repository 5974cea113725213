import type { IncomingMessage } from 'node:http'

/** Which routes may take an upgrade: those under the constraint below only, or those without it. */
export type Marked = 'constrained' | 'shared'

const mark = Symbol('mark')

interface MarkedMessage extends IncomingMessage {
  [mark]?: Marked
}

/** Lets the router see that this request is an upgrade. */
export function markUpgrade (request: IncomingMessage, marked: Marked): void {
  (request as MarkedMessage)[mark] = marked
}

/** Whether a request came as an upgrade that we answer. */
export function isUpgrade (request: IncomingMessage): boolean {
  return (request as MarkedMessage)[mark] !== undefined
}

/** The router constraint that only an upgrade satisfies, so that one URL holds a resource and its socket as two routes. */
export const upgradeConstraint = {
  name: 'upgrade',
  mustMatchWhenDerived: true,
  deriveConstraint: (request: IncomingMessage) => (request as MarkedMessage)[mark] === 'constrained' ? 'websocket' : undefined,
  validate: () => true,
  storage: () => {
    const handlers = new Map<string, unknown>()
    return {
      get: (value: string) => handlers.get(value),
      set: (value: string, handler: unknown) => { handlers.set(value, handler) }
    }
  }
}
