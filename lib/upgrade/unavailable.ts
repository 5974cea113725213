import type { Refusal } from '../error-kinds.js'
import { UpgradeFailure } from '../errors.js'
import type { FailureHandler, RefusalHeaders, Upgrade } from './response.js'

type Refusable = Pick<Upgrade, 'refuse'>

/** Answers an upgrade with a 503 that bypasses Fastify but has the format of its errors. */
export function answerUnavailable (upgrade: Refusable, { code, message, headers }: Refusal): void {
  answer(upgrade, 503, { code, error: 'Service Unavailable', message }, headers as RefusalHeaders)
}

/**
 * Reports an exception thrown while an upgrade was answered, and answers 500 in the format of Fastify's errors. An
 * exception that leaves an 'upgrade' listener would end the process.
 * @param upgrade undefined if there is no response yet
 * @param destroy destroys the connection, when no answer can be sent
 */
export function answerFailure (
  upgrade: Refusable | undefined, error: unknown, onFailure: FailureHandler, destroy: () => void
): void {
  try {
    onFailure(error)
  } catch {
    // A logger may throw. Answer the client all the same.
  }
  const { code, message } = new UpgradeFailure()
  try {
    if (upgrade === undefined) destroy()
    else answer(upgrade, 500, { code, error: 'Internal Server Error', message }, {})
  } catch {
    destroy()
  }
}

function answer (upgrade: Refusable, status: number, body: object, headers: RefusalHeaders): void {
  const text = JSON.stringify({ statusCode: status, ...body })
  const described = {
    ...headers, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text)
  }
  upgrade.refuse(status, described, text)
}
