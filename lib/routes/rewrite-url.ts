import type { IncomingMessage } from 'node:http'
import type { FastifyServerOptions } from 'fastify'
import { readSlot } from './fastify-slots.js'

type Rewrite = NonNullable<FastifyServerOptions['rewriteUrl']>

/**
 * Returns the URL that the router would see. Used if another listener may answer the upgrade: Fastify must not see the
 * request before its owner is known. If it is ours, `rewriteUrl` runs a second time.
 */
export function rewrittenUrl (instance: object, request: IncomingMessage): string {
  const url = request.url as string
  // `initialConfig` omits functions.
  const options = readSlot(instance, 'fastify.options') as FastifyServerOptions | undefined
  const context = instance as ThisParameterType<Rewrite>
  const result: unknown = options?.rewriteUrl?.call(context, request as Parameters<Rewrite>[0])
  return typeof result === 'string' ? result : url
}
