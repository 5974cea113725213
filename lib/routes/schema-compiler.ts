import type { FastifyInstance } from 'fastify'
import { CompilerNotFound } from '../errors.js'
import { readSlot } from './fastify-slots.js'

/** What a validator compiler returns. Only that of Ajv has `schemaEnv`. */
export interface Validate {
  (value: unknown, place?: object): unknown
  readonly errors?: unknown
  readonly schemaEnv?: unknown
}

/** A validator compiler, as Fastify calls it. */
export type Compile = (definition: { schema: unknown, method: string, url: string, httpPart: string }) => Validate

interface AjvOptions {
  readonly customOptions: Record<string, unknown>
}

/** What is used of Fastify's schema controller, which is not public. */
interface SchemaController {
  readonly isCustomValidatorCompiler: boolean
  readonly validatorCompiler: Compile
  setupValidator (options: object): void
  getValidatorBuilder (): (schemas: Record<string, unknown>, options: AjvOptions) => Compile
}

// Fastify's defaults are made for query strings and forms, where all values are strings: they convert "007" to 7 and null
// to 0 until a value fits. JSON has types of its own. A `default` still fills in a missing property, since that changes
// nothing that was sent.
const AS_SENT = { coerceTypes: false, removeAdditional: false, discriminator: true }

// Zod names this dialect in every schema it makes, and Ajv as Fastify loads it does not know the name. The keywords that
// the dialect adds to draft-07 are still refused, as unknown ones.
const NEWER_DIALECTS = 'https://json-schema.org/draft/20'

/**
 * Finds the compiler for the schemas of messages: the one of the route, else the one that the application has set, else an
 * Ajv of our own. Ours is built by the factory that Fastify uses, with the options, plugins and shared schemas of the
 * application. Call this when the application is ready: until then compilers and schemas may be set.
 * @param ofRoute the `validatorCompiler` of the route
 * @param custom further options for our Ajv
 * @throws CompilerNotFound
 */
export function messageCompiler (
  instance: FastifyInstance, ofRoute?: Compile, custom: Record<string, unknown> = {}
): Compile {
  if (ofRoute !== undefined) return ofRoute
  const controller = readSlot(instance, 'fastify.schemaController') as SchemaController | undefined
  const options = readSlot(instance, 'fastify.options') as { readonly ajv: AjvOptions } | undefined
  if (controller === undefined || options === undefined) throw new CompilerNotFound()
  if (controller.isCustomValidatorCompiler) {
    controller.setupValidator(options)
    return controller.validatorCompiler
  }
  const { ajv } = options
  const customOptions = { ...AS_SENT, ...ajv.customOptions, ...custom }
  const compile = controller.getValidatorBuilder()(instance.getSchemas(), { ...ajv, customOptions })
  return (definition) => compile({ ...definition, schema: withoutDialect(definition.schema) })
}

function withoutDialect (schema: unknown): unknown {
  const { $schema, ...rest } = schema as { $schema?: unknown }
  return typeof $schema === 'string' && $schema.startsWith(NEWER_DIALECTS) ? rest : schema
}
