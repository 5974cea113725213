import type { OutgoingHttpHeaders } from 'node:http'
import { createError, type FastifyErrorConstructor } from '@fastify/error'

// In seconds. Long enough to keep refused clients from reconnecting at once.
const RETRY_AFTER = '10'

const RETRYABLE: readonly number[] = [429, 503]

/** The optional parts of a refusal. */
export interface RefusalParts {
  /** The HTTP status, if it differs from that of the kind. */
  readonly statusCode?: number
  /** HTTP headers, added to those of the kind. */
  readonly headers?: OutgoingHttpHeaders
  /** Fields for the log line. */
  readonly details?: object
  /** A hint for the operator, in the log line. */
  readonly advice?: string
}

/** An error that answers an upgrade. Fastify turns it into the reply, including its `headers`. */
export interface Refusal<Code extends string = string> extends Error, RefusalParts {
  readonly code: Code
  readonly statusCode: number
}

type Word = string | number

export interface RefusalConstructor<Code extends string = string> { new (...words: Word[]): Refusal<Code> }

/** Declares a kind of refusal. Refusals with status 429 or 503 have a Retry-After header by default. */
export function refusal<Code extends string> (
  code: Code, sentence: string, statusCode: number, headers?: OutgoingHttpHeaders
): RefusalConstructor<Code> {
  // No stack trace: it would only show the plugin, and a flood of handshakes creates many errors.
  const Base: FastifyErrorConstructor<{ code: Code }> = createError(code, sentence, statusCode, Error, false)
  const fixed = headers ?? (RETRYABLE.includes(statusCode) ? { 'retry-after': RETRY_AFTER } : undefined)
  if (fixed === undefined) return Base as unknown as RefusalConstructor<Code>
  return class extends Base {
    // A copy, because an error handler may change it.
    readonly headers = { ...fixed }
  } as unknown as RefusalConstructor<Code>
}

/** Creates a refusal whose status, headers or log line depend on the request. */
export function refuse<Code extends string> (
  Kind: RefusalConstructor<Code>, { headers, ...parts }: RefusalParts, ...words: Word[]
): Refusal<Code> {
  const error = new Kind(...words)
  return Object.assign(error, parts, headers !== undefined && { headers: { ...error.headers, ...headers } })
}

/** A protocol violation by the peer. The socket closes with `closeCode`. */
export interface Fault<Code extends string = string> extends Error {
  readonly code: Code
  /** The code of the close frame to send (RFC 6455 §7.4.1). */
  readonly closeCode: number
}

export interface FaultConstructor<Code extends string = string> { new (...words: Word[]): Fault<Code> }

/** Declares a kind of fault. */
export function fault<Code extends string> (code: Code, sentence: string, closeCode: number): FaultConstructor<Code> {
  return withCloseCode(createError(code, sentence, 500, RangeError), closeCode) as unknown as FaultConstructor<Code>
}

/**
 * A message that does not match `schema.message` of its route. The peer follows the protocol, but not the contract of
 * the application. The error goes to the error handler of the route.
 */
export interface RefusedMessage<Code extends string = string> extends Error {
  readonly code: Code
  readonly statusCode: 400
  /** The default code of the close frame to send (RFC 6455 §7.4.1). */
  readonly closeCode: 1003 | 1007 | 1008
  /** The errors of the validator, if it ran. */
  validation?: unknown
  validationContext?: 'message'
}

export interface RefusedMessageConstructor<Code extends string = string> {
  new (...words: string[]): RefusedMessage<Code>
}

/** Declares a kind of refused message. */
export function refusedMessage<Code extends string> (
  code: Code, sentence: string, closeCode: RefusedMessage['closeCode']
): RefusedMessageConstructor<Code> {
  // No stack trace: it would only show the codec, and a peer can cause many errors.
  const Base = createError(code, sentence, 400, Error, false)
  return withCloseCode(Base, closeCode) as unknown as RefusedMessageConstructor<Code>
}

function withCloseCode (Base: FastifyErrorConstructor<{ code: string }>, closeCode: number): new () => Error {
  return class extends Base {
    readonly closeCode = closeCode
  }
}
