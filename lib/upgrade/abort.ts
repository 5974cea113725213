import type { IncomingMessage } from 'node:http'

const aborted = Symbol('aborted')

interface AbortedRequest extends IncomingMessage {
  [aborted]?: true
}

/**
 * Marks a request as aborted, once, as Node does for requests other than upgrades. Fastify's `request.signal` and
 * `onRequestAbort` depend on it.
 */
export function abortRequest (request: AbortedRequest): void {
  if (request[aborted] === true) return
  request[aborted] = true
  Object.defineProperty(request, 'aborted', { value: true, writable: true, configurable: true })
  request.emit('aborted')
  request.emit('close')
}
