import type { FastifyBaseLogger } from 'fastify'

type Level = 'debug' | 'info' | 'warn' | 'error'

/**
 * Logs a line, and never throws. A line is written next to work that has to be done, in timers as well, so a logger that
 * throws must not stop that work or end the process. The serializer of pino does throw for an error that is frozen, as
 * it marks each error that it has seen; such an error is logged as a plain copy.
 */
export function tryLog (log: FastifyBaseLogger, level: Level, fields: object, message?: string): void {
  try {
    // An error in place of fields brings its own message.
    if (message === undefined) log[level](fields)
    else log[level](fields, message)
  } catch {
    try {
      if (message === undefined) log[level]({ err: copyError(fields) })
      else log[level]({ ...fields, ...'err' in fields && { err: copyError(fields.err) } }, message)
    } catch {
      // The logger itself is broken: there is nothing to tell that with.
    }
  }
}

function copyError (error: unknown): object {
  if (typeof error !== 'object' || error === null) return { message: String(error) }
  const { name, message, stack, code } = error as Partial<Error> & { code?: unknown }
  return { type: name, message, stack, ...typeof code === 'string' && { code } }
}
