import type { IncomingMessage } from 'node:http'

const aborted = Symbol('aborted')

interface AbortedRequest extends IncomingMessage {
  [aborted]?: true
}

/**
 * Has a request say that its client has left, once, as Node does for requests that are no upgrades: `request.signal` and
 * `onRequestAbort` of Fastify go by it.
 */
export function abortRequest (request: AbortedRequest): void {
  if (request[aborted] === true) return
  request[aborted] = true
  Object.defineProperty(request, 'aborted', { value: true, writable: true, configurable: true })
  request.emit('aborted')
  request.emit('close')
}
