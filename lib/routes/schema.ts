import type { FastifyInstance, FastifyReply, FastifySchema, RouteShorthandOptions } from 'fastify'
import secureJson, { type ParseOptions } from 'secure-json-parse'
import {
  AsyncSchema, MessageBinary, MessageInvalid, MessageNotJson, SchemaNotCompiled, ValueNotSent, type RefusedMessage
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
  /** As `onProtoPoisoning` and `onConstructorPoisoning` of the application say. */
  readonly parsing: ParseOptions
}

type SchemaErrorFormatter = NonNullable<RouteShorthandOptions['schemaErrorFormatter']>
type Validation = Parameters<SchemaErrorFormatter>[0]

interface CustomResult {
  readonly error?: Error | Validation
  readonly value?: unknown
}

type Serialize = (value: unknown) => unknown

/** What the options of a route say of its messages. */
interface MessageSettings {
  readonly passesBinary: boolean
  readonly validatesSend: boolean
}

/** What is used of the declaration of a route. */
interface MessageRoute {
  readonly url: string
  readonly schemaErrorFormatter?: SchemaErrorFormatter | undefined
  readonly validatorCompiler?: unknown
}

/**
 * The schemas of the messages of one route. What is received is validated by a compiler of our own, unless the
 * application has one; what is sent goes through the serializer that Fastify compiles for the route.
 *
 *   constructor ── application is ready ──▶ has validators ── first handshake: take() ──▶ has a serializer too
 */
export class MessageSchemas {
  readonly inbound: JsonInbound | undefined
  readonly outbound: JsonOutbound | undefined
  /** The schema to declare the route with. */
  readonly routeSchema: FastifySchema
  readonly #instance: FastifyInstance
  readonly #route: MessageRoute
  readonly #message: unknown

  /** @param schema is made the one to declare the route with */
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
      // A default is for what the peer left out. What we leave out is missing.
      : new JsonOutbound(send, validatesSend, () => this.#compile('send', send, { useDefaults: false }))
    // A socket has one answer, the 101, and what is sent by it is behind that.
    if (send !== undefined) schema.response = { ...schema.response as object, 101: send }
    delete schema.message
    delete schema.send
    this.routeSchema = schema
  }

  /** Compiles the validators as late as Fastify does, because compilers and shared schemas may be set until then. */
  compileWhenReady (): void {
    this.#instance.addHook('onReady', async () => { this.#prepare() })
  }

  /** Takes the serializer that Fastify compiled from the first request to the route. */
  take (reply: FastifyReply): void {
    // A handshake that is injected into the instance of a plugin does not wait for its onReady hooks.
    this.#prepare()
    if (this.outbound !== undefined) this.outbound.serialize ??= reply.getSerializationFunction('101') as Serialize
  }

  #prepare (): void {
    if (this.inbound !== undefined) this.inbound.validate ??= this.#compile('message', this.#message)
    if (this.outbound === undefined) return
    this.outbound.prepare()
    // That of the first request comes too late for what is published before.
    this.outbound.serialize ??= this.#serializer()
  }

  #serializer (): Serialize | undefined {
    const { serializerCompiler } = this.#instance
    const schema = (this.routeSchema as { response: Record<string, unknown> }).response['101']
    return serializerCompiler?.({ schema, method: 'GET', url: this.#route.url, httpStatus: '101' } as never) as Serialize | undefined
  }

  #compile (part: string, schema: unknown, custom?: Record<string, unknown>): Validate {
    const { url, validatorCompiler } = this.#route
    const compile = messageCompiler(this.#instance, validatorCompiler as Compile | undefined, custom)
    try {
      // A message is to the compilers what a body is: a custom one may choose by `httpPart`, and knows no other.
      return compile({ schema: isFluent(schema) ? schema.valueOf() : schema, method: 'GET', url, httpPart: 'body' })
    } catch (cause) {
      throw new SchemaNotCompiled(`schema.${part} of ${url}`, messageOf(cause), { cause })
    }
  }
}

/** Whether the schema of a route speaks of messages. */
export function describesMessages (schema: SocketSchema | undefined): schema is SocketSchema {
  return schema?.message !== undefined || schema?.send !== undefined
}

class JsonInbound implements Inbound {
  validate: Validate | undefined
  readonly passesBinary: boolean
  readonly #options: InboundOptions
  // Ajv writes a root value that it coerced to where it stood.
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
    if (validate.schemaEnv === undefined) return this.#judge(validate(value), validate, value)
    const holder = this.#holder
    holder.value = value
    const result = validate(value, this.#place)
    const coerced = holder.value
    holder.value = undefined
    return this.#judge(result, validate, coerced)
  }

  #judge (result: unknown, validate: Validate, value: unknown): unknown {
    if (result === true) return value
    if (result === false) throw this.#invalid(validate.errors as Validation)
    if (typeof result !== 'object' || result === null) return value
    if ('then' in result) {
      // Nobody waits for it.
      Promise.resolve(result).catch(() => {})
      throw new AsyncSchema(this.#options.url)
    }
    const { error } = result as CustomResult
    if (error) throw this.#invalid(error)
    return 'value' in result ? result.value : value
  }

  #invalid (found: Error | Validation): RefusedMessage {
    // Fastify's type names the parts of a request only.
    const { message } = isError(found) ? found : this.#options.format(found, 'message' as 'body')
    return Object.assign(new MessageInvalid(message), { validation: found, validationContext: 'message' as const })
  }
}

/**
 * Makes a value the JSON text that is sent, by Fastify's serializer. The serializer converts what does not fit: any value
 * of a `const` to that constant, '7' to 7, null to {}. With `validateSend` such a value is refused, at the cost of a second
 * pass over it; the type of the whole is checked in any case.
 */
class JsonOutbound implements Outbound {
  serialize: Serialize | undefined
  readonly #validatesSend: boolean
  readonly #compile: () => Validate
  #validate: Validate | undefined
  readonly #kind: 'object' | 'array' | undefined
  readonly #takesNull: boolean

  constructor (schema: unknown, validatesSend: boolean, compile: () => Validate) {
    const { type, nullable } = (isFluent(schema) ? schema.valueOf() : schema) as { type?: unknown, nullable?: unknown }
    this.#kind = type === 'object' || type === 'array' ? type : undefined
    this.#takesNull = nullable === true
    this.#validatesSend = validatesSend
    this.#compile = compile
  }

  /** @throws SchemaNotCompiled */
  prepare (): void {
    if (this.#validatesSend) this.#validate ??= this.#compile()
  }

  write (value: unknown): string {
    if (value === undefined) throw new ValueNotSent('it is undefined, which has no JSON')
    const kind = this.#kind
    const isKind = value === null
      ? this.#takesNull
      : typeof value === 'object' && (kind === 'object' || Array.isArray(value))
    if (kind !== undefined && !isKind) {
      throw new ValueNotSent(`it is ${value === null ? 'null' : typeof value}, no ${kind}`)
    }
    const found = this.#validatesSend ? this.#explain(value) : undefined
    if (found !== undefined) throw new ValueNotSent(found)
    let text: unknown
    try {
      text = (this.serialize as Serialize)(value)
    } catch (cause) {
      throw new ValueNotSent(this.#explain(value) ?? messageOf(cause), { cause })
    }
    if (typeof text !== 'string') throw new ValueNotSent('it has no JSON')
    return text
  }

  /** What a validator finds in a value. It names the property, which a serializer often does not. */
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
      // What a validator cannot read is for the serializer to judge.
      return undefined
    }
  }
}

/** A value as its JSON is: the serializer takes a Date for a string, too, and a bigint for a number. */
function toPlain (value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_name, inner: unknown) => typeof inner === 'bigint' ? Number(inner) : inner))
}

function messageOf (thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown)
}

/** The sentence that Fastify makes of errors by default. */
function formatErrors (errors: Validation | null | undefined, part: string): Error {
  // A custom validator need not say what it found.
  if (errors == null) return new Error(`${part} is not valid`)
  return new Error(errors.map(({ instancePath = '', message }) => `${part}${instancePath} ${message}`).join(', '))
}

// As fluent-json-schema marks its schemas.
function isFluent (schema: unknown): schema is object {
  return typeof schema === 'object' && schema !== null &&
    ('isFluentSchema' in schema || Symbol.for('fluent-schema-object') in schema)
}

export function isRefusedMessage (error: unknown): error is RefusedMessage {
  return error instanceof MessageInvalid || error instanceof MessageNotJson || error instanceof MessageBinary
}

/** As much of a sentence as a close frame can carry (RFC 6455 §5.5). */
export function toReason (message: string): string {
  if (Buffer.byteLength(message) <= MAX_REASON_LENGTH) return message
  const bytes = Buffer.from(message)
  let end = MAX_REASON_LENGTH
  // Not within a character.
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** What a peer is told of a message that was refused, in the form of an error of Fastify. */
export function toErrorText ({ statusCode, code, message }: RefusedMessage): string {
  return JSON.stringify({ statusCode, code, error: 'Bad Request', message })
}
