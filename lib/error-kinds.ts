import type { OutgoingHttpHeaders } from 'node:http'
import { createError, type FastifyErrorConstructor } from '@fastify/error'

// In seconds: long enough that refused clients do not come back at once.
const RETRY_AFTER = '10'

const RETRYABLE: readonly number[] = [429, 503]

/** What a refusal says besides its sentence. */
export interface RefusalParts {
  /** The HTTP status of the answer, where it is not that of the kind. */
  readonly statusCode?: number
  /** The headers of the answer, added to those of the kind. */
  readonly headers?: OutgoingHttpHeaders
  /** What else the log says. */
  readonly details?: object
  /** What the log says an operator can do about it. */
  readonly advice?: string
}

/** An error that answers an upgrade. Fastify makes the reply of it, `headers` included. */
export interface Refusal<Code extends string = string> extends Error, RefusalParts {
  readonly code: Code
  readonly statusCode: number
}

type Word = string | number

export interface RefusalConstructor<Code extends string = string> { new (...words: Word[]): Refusal<Code> }

/** Declares a kind of refusal. Each 429 and 503 says when to come again. */
export function refusal<Code extends string> (
  code: Code, sentence: string, statusCode: number, headers?: OutgoingHttpHeaders
): RefusalConstructor<Code> {
  // Without a stack: it would lead into the plugin, and a flood of handshakes brings many.
  const Base: FastifyErrorConstructor<{ code: Code }> = createError(code, sentence, statusCode, Error, false)
  const fixed = headers ?? (RETRYABLE.includes(statusCode) ? { 'retry-after': RETRY_AFTER } : undefined)
  if (fixed === undefined) return Base as unknown as RefusalConstructor<Code>
  return class extends Base {
    // A copy: an error handler may change it.
    readonly headers = { ...fixed }
  } as unknown as RefusalConstructor<Code>
}

/** Makes a refusal whose status, headers or log line depend on the request. */
export function refuse<Code extends string> (
  Kind: RefusalConstructor<Code>, { headers, ...parts }: RefusalParts, ...words: Word[]
): Refusal<Code> {
  const error = new Kind(...words)
  return Object.assign(error, parts, headers !== undefined && { headers: { ...error.headers, ...headers } })
}

/** A rule of the conversation that the peer broke. The socket closes with `closeCode`. */
export interface Fault<Code extends string = string> extends Error {
  readonly code: Code
  /** The code of the close frame that the peer gets, RFC 6455 §7.4.1. */
  readonly closeCode: number
}

export interface FaultConstructor<Code extends string = string> { new (...words: Word[]): Fault<Code> }

/** Declares a kind of fault. */
export function fault<Code extends string> (code: Code, sentence: string, closeCode: number): FaultConstructor<Code> {
  return withCloseCode(createError(code, sentence, 500, RangeError), closeCode) as unknown as FaultConstructor<Code>
}

/**
 * A message that does not match `schema.message` of its route: the peer keeps to the protocol, but not to what the
 * application agreed on. It goes to the error handler of the route.
 */
export interface RefusedMessage<Code extends string = string> extends Error {
  readonly code: Code
  readonly statusCode: 400
  /** The code of the close frame that the peer gets by default, RFC 6455 §7.4.1. */
  readonly closeCode: 1003 | 1007 | 1008
  /** What the validator found, where it was asked. */
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
  // Without a stack: it would lead to the codec, and a peer may send many.
  const Base = createError(code, sentence, 400, Error, false)
  return withCloseCode(Base, closeCode) as unknown as RefusedMessageConstructor<Code>
}

function withCloseCode (Base: FastifyErrorConstructor<{ code: string }>, closeCode: number): new () => Error {
  return class extends Base {
    readonly closeCode = closeCode
  }
}
