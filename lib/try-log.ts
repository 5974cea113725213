import type { FastifyBaseLogger } from 'fastify'

type Level = 'debug' | 'info' | 'warn' | 'error'

/**
 * Logs a line and never throws, so a failing logger cannot interrupt other work or end the process. The serializer of
 * pino throws for a frozen error, because it marks the errors it has seen. Such an error is logged as a plain copy.
 */
export function tryLog (log: FastifyBaseLogger, level: Level, fields: object, message?: string): void {
  try {
    // If `fields` is an error, it has its own message.
    if (message === undefined) log[level](fields)
    else log[level](fields, message)
  } catch {
    try {
      if (message === undefined) log[level]({ err: copyError(fields) })
      else log[level]({ ...fields, ...'err' in fields && { err: copyError(fields.err) } }, message)
    } catch {
      // The logger itself is broken, so this cannot be logged.
    }
  }
}

function copyError (error: unknown): object {
  if (typeof error !== 'object' || error === null) return { message: String(error) }
  const { name, message, stack, code } = error as Partial<Error> & { code?: unknown }
  return { type: name, message, stack, ...typeof code === 'string' && { code } }
}
