import type { FastifyInstance, FastifyReply, FastifySchema, RouteShorthandOptions } from 'fastify'
import secureJson, { type ParseOptions } from 'secure-json-parse'
import {
  AsyncSchema, MessageBinary, MessageInvalid, MessageNotJson, SchemaNotCompiled, SerializerNotReady, ValueNotSent,
  type RefusedMessage
} from '../errors.js'
import { isError } from '../is-error.js'
import { MAX_REASON_LENGTH } from '../protocol/close.js'
import { messageCompiler, type Compile, type Validate } from './schema-compiler.js'
import { isThenable } from '../socket/thenable.js'
import type { SocketSchema } from '../options/declaration.js'
import type { Inbound, Outbound } from '../socket/values.js'

interface InboundOptions {
  readonly url: string
  readonly passesBinary: boolean
  readonly format: SchemaErrorFormatter
  /** From `onProtoPoisoning` and `onConstructorPoisoning` of the application. */
  readonly parsing: ParseOptions
}

type SchemaErrorFormatter = NonNullable<RouteShorthandOptions['schemaErrorFormatter']>
type Validation = Parameters<SchemaErrorFormatter>[0]

interface CustomResult {
  readonly error?: Error | Validation
  readonly value?: unknown
}

type Serialize = (value: unknown) => unknown
type CompileSerializer = (definition: object) => Serialize

/** The settings of a route about messages. */
interface MessageSettings {
  readonly passesBinary: boolean
  readonly validatesSend: boolean
}

/** The used part of a route's declaration. */
interface MessageRoute {
  readonly url: string
  readonly schemaErrorFormatter?: SchemaErrorFormatter | undefined
  readonly validatorCompiler?: unknown
  readonly serializerCompiler?: unknown
}

/**
 * The message schemas of one route. `messageCompiler()` compiles the validators; values are sent by the serializer that
 * Fastify compiles for the route.
 *
 *   constructed ── application is ready ──▶ validators ── first handshake, or value published ──▶ serializer too
 */
export class MessageSchemas {
  readonly inbound: JsonInbound | undefined
  readonly outbound: JsonOutbound | undefined
  /** The schema to declare the route with. */
  readonly routeSchema: FastifySchema
  readonly #instance: FastifyInstance
  readonly #route: MessageRoute
  readonly #message: unknown

  /** @param schema changed in place: it becomes `routeSchema` */
  constructor (instance: FastifyInstance, schema: SocketSchema, settings: MessageSettings, route: MessageRoute) {
    const { message, send } = schema
    const { url, schemaErrorFormatter: format = formatErrors } = route
    const { onProtoPoisoning = 'error', onConstructorPoisoning = 'error' } = instance.initialConfig
    const parsing = { protoAction: onProtoPoisoning, constructorAction: onConstructorPoisoning }
    this.#instance = instance
    this.#route = route
    this.#message = message
    const { passesBinary, validatesSend } = settings
    this.inbound = message === undefined ? undefined : new JsonInbound({ url, passesBinary, format, parsing })
    this.outbound = send === undefined
      ? undefined
      // Defaults apply to received values only: a property missing from a sent value is an error.
      : new JsonOutbound(
        send, validatesSend, () => this.#compile('send', send, { useDefaults: false }), () => this.#compileSerializer()
      )
    // Fastify compiles serializers per status, and 101 is the only one of a socket.
    if (send !== undefined) schema.response = { ...schema.response as object, 101: send }
    delete schema.message
    delete schema.send
    this.routeSchema = schema
  }

  /** Compiles the validators when the application is ready. Compilers and shared schemas may be set until then. */
  compileWhenReady (): void {
    this.#instance.addHook('onReady', async () => { this.#prepare() })
  }

  /** Takes Fastify's serializer from the reply to the first handshake. */
  takeSerializer (reply: FastifyReply): void {
    // injectWS() of a child instance does not wait for its onReady hooks.
    this.#prepare()
    if (this.outbound !== undefined) this.outbound.serialize ??= reply.getSerializationFunction('101') as Serialize
  }

  #prepare (): void {
    if (this.inbound !== undefined) this.inbound.validate ??= this.#compile('message', this.#message)
    this.outbound?.prepare()
  }

  /** Compiles the serializer for values that are published before the first handshake. */
  #compileSerializer (): Serialize {
    const { url } = this.#route
    // Fastify sets its own compiler just before the onReady hooks, when it knows all shared schemas.
    const compile = this.#route.serializerCompiler ?? this.#instance.serializerCompiler
    if (compile === undefined) throw new SerializerNotReady(url)
    const { response } = this.routeSchema as { response: Record<string, unknown> }
    try {
      return (compile as CompileSerializer)({ schema: response['101'], method: 'GET', url, httpStatus: '101' })
    } catch (cause) {
      throw new SchemaNotCompiled(`schema.send of ${url}`, messageOf(cause), { cause })
    }
  }

  #compile (part: string, schema: unknown, custom?: Record<string, unknown>): Validate {
    const { url, validatorCompiler } = this.#route
    const compile = messageCompiler(this.#instance, validatorCompiler as Compile | undefined, custom)
    try {
      // Custom compilers may choose by `httpPart`, and know 'body'.
      return compile({ schema: isFluent(schema) ? schema.valueOf() : schema, method: 'GET', url, httpPart: 'body' })
    } catch (cause) {
      throw new SchemaNotCompiled(`schema.${part} of ${url}`, messageOf(cause), { cause })
    }
  }
}

/** Whether the schema of a route describes messages. */
export function describesMessages (schema: SocketSchema | undefined): schema is SocketSchema {
  return schema?.message !== undefined || schema?.send !== undefined
}

class JsonInbound implements Inbound {
  validate: Validate | undefined
  readonly passesBinary: boolean
  readonly #options: InboundOptions
  // Ajv writes a coerced root value to its parent.
  readonly #holder: { value: unknown } = { value: undefined }
  readonly #place = { parentData: this.#holder, parentDataProperty: 'value' }

  constructor (options: InboundOptions) {
    this.#options = options
    this.passesBinary = options.passesBinary
  }

  read (data: Buffer, isBinary: boolean): unknown {
    if (isBinary) throw new MessageBinary()
    let value: unknown
    try {
      value = secureJson.parse(data, null, this.#options.parsing)
    } catch (error) {
      throw new MessageNotJson((error as Error).message)
    }
    const validate = this.validate as Validate
    if (validate.schemaEnv === undefined) return this.#readResult(validate(value), validate, value)
    const holder = this.#holder
    holder.value = value
    const result = validate(value, this.#place)
    const coerced = holder.value
    holder.value = undefined
    return this.#readResult(result, validate, coerced)
  }

  /** Interprets the result of a validator: a boolean of Ajv, or an object of a custom one. */
  #readResult (result: unknown, validate: Validate, value: unknown): unknown {
    if (result === true) return value
    if (result === false) throw this.#invalid(validate.errors as Validation)
    if (typeof result !== 'object' || result === null) return value
    if ('then' in result) {
      // The promise is not awaited. Avoid an unhandled rejection.
      Promise.resolve(result).catch(() => {})
      throw new AsyncSchema(this.#options.url)
    }
    const { error } = result as CustomResult
    if (error) throw this.#invalid(error)
    return 'value' in result ? result.value : value
  }

  #invalid (found: Error | Validation): RefusedMessage {
    // The formatter's type allows only the parts of a request.
    const { message } = isError(found) ? found : this.#options.format(found, 'message' as 'body')
    return Object.assign(new MessageInvalid(message), { validation: found, validationContext: 'message' as const })
  }
}

/**
 * Serializes values by Fastify's serializer, which converts wrong types: any value of a `const` to that constant, '7'
 * to 7, null to {}. With `validateSend` such a value throws, at the cost of a second pass over it. The type of the
 * whole value is always checked.
 */
class JsonOutbound implements Outbound {
  serialize: Serialize | undefined
  readonly #validatesSend: boolean
  readonly #compile: () => Validate
  readonly #compileSerializer: () => Serialize
  #validate: Validate | undefined
  readonly #kind: 'object' | 'array' | undefined
  readonly #takesNull: boolean

  constructor (
    schema: unknown, validatesSend: boolean, compile: () => Validate, compileSerializer: () => Serialize
  ) {
    const { type, nullable } = (isFluent(schema) ? schema.valueOf() : schema) as { type?: unknown, nullable?: unknown }
    this.#kind = type === 'object' || type === 'array' ? type : undefined
    this.#takesNull = nullable === true
    this.#validatesSend = validatesSend
    this.#compile = compile
    this.#compileSerializer = compileSerializer
  }

  /** @throws SchemaNotCompiled */
  prepare (): void {
    if (this.#validatesSend) this.#validate ??= this.#compile()
  }

  /** @throws ValueNotSent, SerializerNotReady, SchemaNotCompiled */
  write (value: unknown): string {
    if (value === undefined) throw new ValueNotSent('it is undefined')
    const kind = this.#kind
    const isKind = value === null
      ? this.#takesNull
      : typeof value === 'object' && (kind === 'object' || Array.isArray(value))
    if (kind !== undefined && !isKind) {
      throw new ValueNotSent(`it is ${value === null ? 'null' : typeof value}, not ${kind}`)
    }
    const serialize = this.serialize ??= this.#compileSerializer()
    const found = this.#validatesSend ? this.#explain(value) : undefined
    if (found !== undefined) throw new ValueNotSent(found)
    let text: unknown
    try {
      text = serialize(value)
    } catch (cause) {
      throw new ValueNotSent(this.#explain(value) ?? messageOf(cause), { cause })
    }
    if (typeof text !== 'string') throw new ValueNotSent('it cannot be serialized as JSON')
    return text
  }

  /** Returns the validator's error message, which names the property; serializers often do not. */
  #explain (value: unknown): string | undefined {
    try {
      const validate = this.#validate ??= this.#compile()
      const result = validate(validate.schemaEnv === undefined ? value : toPlain(value))
      if (result === false) return formatErrors(validate.errors as Validation, 'value').message
      if (isThenable(result)) result.then(undefined, () => {})
      const error = (result as CustomResult | null | undefined)?.error
      if (!error) return undefined
      return isError(error) ? error.message : formatErrors(error, 'value').message
    } catch {
      // The validator cannot read the value. Leave it to the serializer.
      return undefined
    }
  }
}

/** Converts a value to plain JSON data, as the serializer does: a Date to a string, a bigint to a number. */
function toPlain (value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_name, inner: unknown) => typeof inner === 'bigint' ? Number(inner) : inner))
}

function messageOf (thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown)
}

/** Formats validation errors as Fastify does by default. */
function formatErrors (errors: Validation | null | undefined, part: string): Error {
  // A custom validator may leave `errors` unset.
  if (errors == null) return new Error(`${part} is not valid`)
  return new Error(errors.map(({ instancePath = '', message }) => `${part}${instancePath} ${message}`).join(', '))
}

// The marks of fluent-json-schema.
function isFluent (schema: unknown): schema is object {
  return typeof schema === 'object' && schema !== null &&
    ('isFluentSchema' in schema || Symbol.for('fluent-schema-object') in schema)
}

export function isRefusedMessage (error: unknown): error is RefusedMessage {
  return error instanceof MessageInvalid || error instanceof MessageNotJson || error instanceof MessageBinary
}

/** Truncates a message to the length of a close reason (RFC 6455 §5.5). */
export function toReason (message: string): string {
  if (Buffer.byteLength(message) <= MAX_REASON_LENGTH) return message
  const bytes = Buffer.from(message)
  let end = MAX_REASON_LENGTH
  // Do not cut a UTF-8 sequence.
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** The answer to a refused message, in the format of Fastify's errors. */
export function toErrorText ({ statusCode, code, message }: RefusedMessage): string {
  return JSON.stringify({ statusCode, code, error: 'Bad Request', message })
}
