import type { FastifyInstance } from 'fastify'
import { readSlot } from './fastify-slots.js'

type Options = Readonly<Record<string, unknown>>

/**
 * Returns the options of the application's router. Fastify takes them in `routerOptions` and, as older versions do,
 * beside it; `initialConfig.routerOptions` lacks the latter.
 */
export function routerOptionsOf (instance: FastifyInstance): Options {
  const given = readSlot(instance, 'fastify.options') ?? instance.initialConfig
  const { routerOptions, ...others } = given as Options & { readonly routerOptions?: Options }
  return { ...others, ...routerOptions }
}
