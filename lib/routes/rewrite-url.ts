import type { IncomingMessage } from 'node:http'
import type { FastifyServerOptions } from 'fastify'
import { readSlot } from './fastify-slots.js'

type Rewrite = NonNullable<FastifyServerOptions['rewriteUrl']>

/**
 * The URL that the router would see of an upgrade. It is asked where another listener may answer it: there Fastify is not
 * to see the request before it is known whose it is, so `rewriteUrl` runs once more when it does.
 */
export function rewrittenUrl (instance: object, request: IncomingMessage): string {
  const url = request.url as string
  // `initialConfig` has no functions.
  const options = readSlot(instance, 'fastify.options') as FastifyServerOptions | undefined
  const result: unknown = options?.rewriteUrl?.call(instance as ThisParameterType<Rewrite>, request as Parameters<Rewrite>[0])
  return typeof result === 'string' ? result : url
}
