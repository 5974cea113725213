import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../error-code.js'
import { timers } from '../timers.js'

/** An upgrade that the plugin refuses. */
export interface RefusedUpgrade {
  /** The error code, or the HTTP status if there is none. */
  readonly code: string
  readonly statusCode: number
  /** Further fields of the log line, which help to find the cause. */
  readonly details?: object | undefined
  /** What the operator can do. Default: the advice for the code. */
  readonly advice?: string | undefined
}

/** Advice for refusals that an operator can avoid; these are warnings. The others are client errors, like any 4xx. */
const ADVICE: ReadonlyMap<string, string> = new Map<ErrorCode | 'UNSEEN_ROUTES', string>([
  ['FST_WIRE_ORIGIN', 'the option origin can allow it'],
  ['FST_WIRE_CONNECTIONS', 'maxConnections is reached'],
  ['FST_WIRE_CONNECTIONS_ADDRESS', 'maxConnectionsPerAddress is reached'],
  ['FST_WIRE_HANDSHAKE_UNANSWERED', 'the hooks did not answer in time; handshakeTimeout sets the limit'],
  ['UNSEEN_ROUTES',
    'routes declared before fastify-wire was loaded accept no sockets: await app.register(fastifyWire) before them']
])

// The maximum length of a detail. It may come from a header of 16 KiB, but a log line should stay below 400 bytes.
const MAX_DETAIL_LENGTH = 60

// In milliseconds.
const WINDOW = 1_000

interface Repetition {
  count: number
  timer: NodeJS.Timeout
}

/**
 * The log of refused upgrades, limited so that a flood cannot fill it. The first refusal with a code is logged at once.
 * Those within the next second are counted, and logged as one line.
 */
export class RefusalLog {
  readonly #log: FastifyBaseLogger | undefined
  readonly #logsRequests: (request: FastifyRequest) => boolean
  readonly #window: number
  /** By code. The codes are those of this package, so there are few. */
  readonly #repetitions = new Map<string, Repetition>()

  /**
   * @param log the logger of the application
   * @param logsRequests whether Fastify logs a request
   * @param window how long refusals are counted before they are logged as one line, in milliseconds
   */
  constructor (
    log?: FastifyBaseLogger, logsRequests: (request: FastifyRequest) => boolean = () => true, window = WINDOW
  ) {
    this.#log = log
    this.#window = window
    this.#logsRequests = logsRequests
  }

  add (refusal: RefusedUpgrade, request?: FastifyRequest): void {
    const { code, statusCode, details, advice = ADVICE.get(code) } = refusal
    if (!ADVICE.has(code) && request !== undefined && !this.#logsRequests(request)) return
    const repetition = this.#repetitions.get(code)
    if (repetition !== undefined) {
      repetition.count++
      return
    }
    this.#repetitions.set(code, { count: 0, timer: this.#schedule(code) })
    const message = advice === undefined ? 'upgrade refused' : `upgrade refused: ${advice}`
    write(request?.log ?? this.#log, code, { code, statusCode, ...shorten(details) }, message)
  }

  #schedule (code: string): NodeJS.Timeout {
    return timers.setTimeout(() => { this.#endWindow(code) }, this.#window).unref()
  }

  #endWindow (code: string): void {
    const repetition = this.#repetitions.get(code) as Repetition
    if (repetition.count === 0) {
      this.#repetitions.delete(code)
      return
    }
    this.#writeCount(code, repetition)
    repetition.count = 0
    repetition.timer = this.#schedule(code)
  }

  #writeCount (code: string, { count }: Repetition): void {
    if (count === 0) return
    write(this.#log, code, { code, count }, `${count} more ${count === 1 ? 'upgrade' : 'upgrades'} refused`)
  }

  /** Logs the current counts, and clears the timers. */
  end (): void {
    for (const [code, repetition] of this.#repetitions) {
      timers.clearTimeout(repetition.timer)
      this.#writeCount(code, repetition)
    }
    this.#repetitions.clear()
  }
}

/** Truncates strings, and replaces the characters that JSON escapes; valid hosts and origins have none of them. */
function shorten (details: object = {}): object {
  return Object.fromEntries(Object.entries(details).map(([name, value]: [string, unknown]) => {
    return [name, typeof value === 'string' ? value.slice(0, MAX_DETAIL_LENGTH).replace(/[^ -~]|["\\]/g, '?') : value]
  }))
}

function write (log: FastifyBaseLogger | undefined, code: string, refused: object, message: string): void {
  try {
    log?.[ADVICE.has(code) ? 'warn' : 'info']({ refused }, message)
  } catch {
    // A logger may throw. That must not stop the refusal or the timer.
  }
}

/**
 * Wraps the logger of a refused upgrade so that Fastify's own lines are dropped, because RefusalLog has logged the
 * refusal: the 'request completed' line, and the line of the default error handler, which has a stack and level error
 * for a 503. Lines of the application are kept.
 */
export function withoutRequestLines (log: FastifyBaseLogger, reply: FastifyReply): FastifyBaseLogger {
  return new Proxy(log, {
    get (target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        return isRequestLine(args[0], reply) ? undefined : Reflect.apply(value, target, args)
      }
    }
  })
}

function isRequestLine (first: unknown, reply: FastifyReply): boolean {
  if (typeof first === 'string') return /^Route GET:.* not found$/.test(first)
  if (typeof first !== 'object' || first === null || !('res' in first)) return false
  return first.res === reply && ('err' in first || 'responseTime' in first)
}
