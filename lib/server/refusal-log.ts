import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../error-code.js'
import { timers } from '../timers.js'

/** An upgrade that was refused by the plugin. */
export interface RefusedUpgrade {
  /** The code of the error that says why, or the status where there is none. */
  readonly code: string
  readonly statusCode: number
  /** What else the log says of it, by which it can be mended. */
  readonly details?: object | undefined
  /** What to do about it, in place of what is said for the code. */
  readonly advice?: string | undefined
}

/** Refusals that an operator can do something about. The others are the fault of a client, like any 4xx. */
const ADVICE: ReadonlyMap<string, string> = new Map<ErrorCode | 'UNSEEN_ROUTES', string>([
  ['FST_WIRE_ORIGIN', 'to allow this origin, add it to the option origin'],
  ['FST_WIRE_CONNECTIONS', 'maxConnections is reached'],
  ['FST_WIRE_CONNECTIONS_ADDRESS', 'maxConnectionsPerAddress is reached'],
  ['FST_WIRE_HANDSHAKE_UNANSWERED', 'the hooks did not answer in time, handshakeTimeout gives them longer'],
  ['UNSEEN_ROUTES', 'routes declared before fastify-wire was loaded have no socket: await app.register(fastifyWire) before them']
])

// Of a detail, which may come from a header of 16 KiB: a line stays under 400 bytes.
const LONGEST_SHOWN = 60

// In milliseconds.
const WINDOW = 1_000

interface Sum {
  count: number
  timer: NodeJS.Timeout
}

/**
 * The log of refused upgrades, which a flood of them must not fill: the first for a reason has a line, those that follow
 * within a second are counted, and have one line together.
 */
export class RefusalLog {
  readonly #log: FastifyBaseLogger | undefined
  readonly #logsRequests: (request: FastifyRequest) => boolean
  readonly #window: number
  // By code. These are ours, so there are few.
  readonly #sums = new Map<string, Sum>()

  /**
   * @param log that of the application
   * @param logsRequests whether Fastify logs a request
   * @param window how long refusals are counted before they have a line together, in milliseconds
   */
  constructor (log?: FastifyBaseLogger, logsRequests: (request: FastifyRequest) => boolean = () => true, window = WINDOW) {
    this.#log = log
    this.#window = window
    this.#logsRequests = logsRequests
  }

  add (refusal: RefusedUpgrade, request?: FastifyRequest): void {
    const { code, statusCode, details, advice = ADVICE.get(code) } = refusal
    if (!ADVICE.has(code) && request !== undefined && !this.#logsRequests(request)) return
    const sum = this.#sums.get(code)
    if (sum !== undefined) {
      sum.count++
      return
    }
    this.#sums.set(code, { count: 0, timer: this.#later(code) })
    write(request?.log ?? this.#log, code, { code, statusCode, ...shorten(details) }, advice === undefined ? 'upgrade refused' : `upgrade refused: ${advice}`)
  }

  #later (code: string): NodeJS.Timeout {
    return timers.setTimeout(() => { this.#sumUp(code) }, this.#window).unref()
  }

  #sumUp (code: string): void {
    const sum = this.#sums.get(code) as Sum
    if (sum.count === 0) {
      this.#sums.delete(code)
      return
    }
    this.#writeSum(code, sum)
    sum.count = 0
    sum.timer = this.#later(code)
  }

  #writeSum (code: string, { count }: Sum): void {
    if (count > 0) write(this.#log, code, { code, count }, `${count} more ${count === 1 ? 'upgrade' : 'upgrades'} refused`)
  }

  /** Writes what is counted so far, and counts no more. */
  end (): void {
    for (const [code, sum] of this.#sums) {
      timers.clearTimeout(sum.timer)
      this.#writeSum(code, sum)
    }
    this.#sums.clear()
  }
}

/** Cuts texts, and takes out of them what would be escaped in a line of JSON: neither a host nor an origin has such characters. */
function shorten (details: object = {}): object {
  return Object.fromEntries(Object.entries(details).map(([name, value]: [string, unknown]) => {
    return [name, typeof value === 'string' ? value.slice(0, LONGEST_SHOWN).replace(/[^ -~]|["\\]/g, '?') : value]
  }))
}

function write (log: FastifyBaseLogger | undefined, code: string, refused: object, message: string): void {
  try {
    log?.[ADVICE.has(code) ? 'warn' : 'info']({ refused }, message)
  } catch {
    // A log that fails is no reason for a refusal, or for a timer, to fail.
  }
}

/**
 * The log of a reply without what Fastify writes there by itself of an upgrade that this log has a line for: that it was
 * completed, and the error that the default error handler got, which is of level error for a 503 and has a stack. All that
 * the application writes stays, also in an error handler of its own.
 */
export function withoutRequestLines (log: FastifyBaseLogger, reply: FastifyReply): FastifyBaseLogger {
  return new Proxy(log, {
    get (target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => isRequestLine(args[0], reply) ? undefined : Reflect.apply(value, target, args)
    }
  })
}

function isRequestLine (first: unknown, reply: FastifyReply): boolean {
  if (typeof first === 'string') return /^Route GET:.* not found$/.test(first)
  if (typeof first !== 'object' || first === null || !('res' in first)) return false
  return first.res === reply && ('err' in first || 'responseTime' in first)
}
