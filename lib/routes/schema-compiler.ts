import type { FastifyInstance } from 'fastify'
import { CompilerNotFound } from '../errors.js'
import { readSlot } from './fastify-slots.js'

/** A compiled validator. Only Ajv's have `schemaEnv`. */
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

/** The used part of Fastify's private schema controller. */
interface SchemaController {
  readonly isCustomValidatorCompiler: boolean
  readonly validatorCompiler: Compile
  setupValidator (options: object): void
  getValidatorBuilder (): (schemas: Record<string, unknown>, options: AjvOptions) => Compile
}

// Fastify's defaults suit query strings and forms, where all values are strings: Ajv converts "007" to 7 and null to 0.
// JSON has types, so conversion is off. `default` still fills in missing properties.
const STRICT = { coerceTypes: false, removeAdditional: false, discriminator: true }

// Zod writes this dialect into each schema, but Fastify's Ajv does not know it. Keywords that draft-07 lacks still
// throw.
const NEWER_DIALECTS = 'https://json-schema.org/draft/20'

/**
 * Finds the compiler for message schemas: the route's, else the application's, else an Ajv without type conversion,
 * built by Fastify's factory with the options, plugins and shared schemas of the application. Call it when the
 * application is ready, because compilers and schemas may be set until then.
 * @param ofRoute the `validatorCompiler` of the route
 * @param custom further Ajv options, for the third case
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
  const customOptions = { ...STRICT, ...ajv.customOptions, ...custom }
  const compile = controller.getValidatorBuilder()(instance.getSchemas(), { ...ajv, customOptions })
  return (definition) => compile({ ...definition, schema: withoutDialect(definition.schema) })
}

function withoutDialect (schema: unknown): unknown {
  const { $schema, ...rest } = schema as { $schema?: unknown }
  return typeof $schema === 'string' && $schema.startsWith(NEWER_DIALECTS) ? rest : schema
}
