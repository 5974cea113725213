import type { IncomingMessage } from 'node:http'
import type { FastifyServerOptions } from 'fastify'

type Rewrite = NonNullable<FastifyServerOptions['rewriteUrl']>

/**
 * The URL that the router would see of an upgrade. It is asked where another listener may answer it: there Fastify is not
 * to see the request before it is known whose it is, so `rewriteUrl` runs once more when it does.
 */
export function rewrittenUrl (instance: object, request: IncomingMessage): string {
  const url = request.url as string
  const result: unknown = rewriteOf(instance)?.call(instance as ThisParameterType<Rewrite>, request as Parameters<Rewrite>[0])
  return typeof result === 'string' ? result : url
}

/** `initialConfig` has no functions, so this one is looked up where Fastify keeps all its options. */
function rewriteOf (instance: object | null): Rewrite | undefined {
  if (instance === null) return undefined
  const options = Object.getOwnPropertySymbols(instance).find(({ description }) => description === 'fastify.options')
  if (options === undefined) return rewriteOf(Object.getPrototypeOf(instance) as object | null)
  return (instance as Record<symbol, FastifyServerOptions>)[options]?.rewriteUrl
}
