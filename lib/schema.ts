import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteShorthandOptions } from 'fastify'
import secureJson, { type ParseOptions } from 'secure-json-parse'
import { AsyncSchema, MessageBinary, MessageInvalid, MessageNotJson, ValueNotSent, type RefusedMessage } from './errors.js'

/** The schemas of a socket route: those of its handshake, which are Fastify's, and those of its messages. */
export interface SocketSchema extends FastifySchema {
  /** What a message of the peer must be: JSON text, parsed, validated and handed to the listener as a value. */
  message?: unknown
  /** What `socket.send(value)` takes, and how it is made JSON. */
  send?: unknown
}

/** What a route with `schema.message` does with a message. */
export interface Inbound {
  /** Whether binary messages are handed on as they are. */
  readonly passesBinary: boolean
  /**
   * @returns the value of a message
   * @throws RefusedMessage, AsyncSchema, and what a custom validator throws
   */
  read (data: Buffer, isBinary: boolean): unknown
}

/** What a route with `schema.send` does with a value. */
export interface Outbound {
  /**
   * @returns the JSON text that is sent
   * @throws ValueNotSent
   */
  write (value: unknown): string
}

interface InboundOptions {
  readonly url: string
  readonly passesBinary: boolean
  readonly format: SchemaErrorFormatter
  /** As `onProtoPoisoning` and `onConstructorPoisoning` of the application say. */
  readonly parsing: ParseOptions
}

type SchemaErrorFormatter = NonNullable<RouteShorthandOptions['schemaErrorFormatter']>
type Validation = Parameters<SchemaErrorFormatter>[0]

/** What a validator compiler returns. Only one of Ajv has `schemaEnv`. */
interface Validate {
  (value: unknown, place?: object): unknown
  readonly errors?: Validation | null
  readonly schemaEnv?: unknown
}

interface CustomResult {
  readonly error?: Error | Validation
  readonly value?: unknown
}

type Serialize = (value: unknown) => unknown

// Fastify compiles the schema of a body for each media type. No request has this one, so no handshake is validated by it.
const MEDIA_TYPE = 'application/x.fastify-wire.message'

const LONGEST_REASON = 123

/**
 * The schemas of the messages of one route, compiled by Fastify with those of its handshake when the application is
 * ready: with its compilers, by the schemas of `addSchema()`, and with its errors where one cannot be compiled.
 *
 *   constructor ── route is declared ──▶ compileWithRoute() ── application is ready, first handshake ──▶ take()
 */
export class MessageSchemas {
  readonly inbound: JsonInbound | undefined
  readonly outbound: JsonOutbound | undefined
  /** The schema to declare the route with. */
  readonly routeSchema: FastifySchema
  readonly #message: unknown

  /** @param schema is made the one to declare the route with */
  constructor (instance: FastifyInstance, schema: SocketSchema, passesBinary: boolean, url: string, format: SchemaErrorFormatter = formatErrors) {
    const { message, send } = schema
    const { onProtoPoisoning = 'error', onConstructorPoisoning = 'error' } = instance.initialConfig
    const parsing = { protoAction: onProtoPoisoning, constructorAction: onConstructorPoisoning }
    this.#message = message
    this.inbound = message === undefined ? undefined : new JsonInbound({ url, passesBinary, format, parsing })
    this.outbound = send === undefined ? undefined : new JsonOutbound(send)
    // A socket has one answer, the 101, and what is sent by it is behind that.
    if (send !== undefined) schema.response = { ...schema.response as object, 101: send }
    delete schema.message
    delete schema.send
    this.routeSchema = schema
  }

  /**
   * Fastify refuses the schema of a body on a GET when it takes the route, and compiles what is there when it is ready.
   * A message is to the compilers what a body is: a custom one may choose by `httpPart`, and knows no other.
   */
  compileWithRoute (instance: FastifyInstance): void {
    const message = this.#message
    if (message === undefined) return
    const { routeSchema } = this
    routeSchema.body = { content: { [MEDIA_TYPE]: { schema: isFluent(message) ? message.valueOf() : message } } }
    // For those who read the schemas of routes, to describe them: a GET has no body.
    instance.addHook('onReady', async () => { delete routeSchema.body })
  }

  /** Takes what Fastify compiled from the first request to the route. */
  take (request: FastifyRequest, reply: FastifyReply): void {
    if (this.inbound?.validate === undefined && this.inbound !== undefined) {
      const byMediaType = request.getValidationFunction('body') as unknown as Record<string, Validate>
      this.inbound.validate = byMediaType[MEDIA_TYPE]
    }
    if (this.outbound !== undefined) this.outbound.serialize ??= reply.getSerializationFunction('101') as Serialize
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
    const { message } = found instanceof Error ? found : this.#options.format(found, 'message' as 'body')
    return Object.assign(new MessageInvalid(message), { validation: found, validationContext: 'message' as const })
  }
}

/**
 * What a value is made JSON by is Fastify's serializer, which makes it fit: 'move' of any constant, 7 of '7', and {} of
 * null. A value that is not even of the kind of the whole is refused here, which costs a comparison.
 */
class JsonOutbound implements Outbound {
  serialize: Serialize | undefined
  readonly #kind: 'object' | 'array' | undefined
  readonly #takesNull: boolean

  constructor (schema: unknown) {
    const { type, nullable } = (isFluent(schema) ? schema.valueOf() : schema) as { type?: unknown, nullable?: unknown }
    this.#kind = type === 'object' || type === 'array' ? type : undefined
    this.#takesNull = nullable === true
  }

  write (value: unknown): string {
    if (value === undefined) throw new ValueNotSent('it is undefined, which has no JSON')
    const kind = this.#kind
    if (kind !== undefined && !(value === null ? this.#takesNull : typeof value === 'object' && (kind === 'object' || Array.isArray(value)))) {
      throw new ValueNotSent(`it is ${value === null ? 'null' : typeof value}, no ${kind}`)
    }
    let text: unknown
    try {
      text = (this.serialize as Serialize)(value)
    } catch (cause) {
      throw new ValueNotSent(cause instanceof Error ? cause.message : String(cause), { cause })
    }
    if (typeof text !== 'string') throw new ValueNotSent('it has no JSON')
    return text
  }
}

/** The sentence that Fastify makes of errors by default. */
function formatErrors (errors: Validation | null | undefined, part: string): Error {
  // A custom validator need not say what it found.
  if (errors == null) return new Error(`${part} is not valid`)
  return new Error(errors.map(({ instancePath = '', message }) => `${part}${instancePath} ${message}`).join(', '))
}

// As fluent-json-schema marks its schemas.
function isFluent (schema: unknown): schema is object {
  return typeof schema === 'object' && schema !== null && ('isFluentSchema' in schema || Symbol.for('fluent-schema-object') in schema)
}

export function isRefusedMessage (error: unknown): error is RefusedMessage {
  return error instanceof MessageInvalid || error instanceof MessageNotJson || error instanceof MessageBinary
}

/** As much of a sentence as a close frame can carry (RFC 6455 §5.5). */
export function toReason (message: string): string {
  if (Buffer.byteLength(message) <= LONGEST_REASON) return message
  const bytes = Buffer.from(message)
  let end = LONGEST_REASON
  // Not within a character.
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** What a peer is told of a message that was refused, in the form of an error of Fastify. */
export function toErrorText ({ statusCode, code, message }: RefusedMessage): string {
  return JSON.stringify({ statusCode, code, error: 'Bad Request', message })
}
