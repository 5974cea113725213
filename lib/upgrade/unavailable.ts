import type { Refusal } from '../error-kinds.js'
import { UpgradeFailure } from '../errors.js'
import type { RefusalHeaders, Upgrade, UpgradeFailed } from './response.js'

type Refusable = Pick<Upgrade, 'refuse'>

/** Answers an upgrade with a 503 past Fastify, in the form of its errors. */
export function answerUnavailable (upgrade: Refusable, { code, message, headers }: Refusal): void {
  answer(upgrade, 503, { code, error: 'Service Unavailable', message }, headers as RefusalHeaders)
}

/**
 * Reports what was thrown while an upgrade was answered, and answers 500 in the form of Fastify's errors: an exception
 * that leaves an 'upgrade' listener ends the process.
 * @param cut cuts the connection, where there is nothing yet to answer with
 */
export function answerFailure (upgrade: Refusable | undefined, error: unknown, failed: UpgradeFailed, cut: () => void): void {
  try {
    failed(error)
  } catch {
    // A log that throws is no reason to leave the client without an answer.
  }
  const { code, message } = new UpgradeFailure()
  try {
    if (upgrade === undefined) cut()
    else answer(upgrade, 500, { code, error: 'Internal Server Error', message }, {})
  } catch {
    cut()
  }
}

function answer (upgrade: Refusable, status: number, body: object, headers: RefusalHeaders): void {
  const text = JSON.stringify({ statusCode: status, ...body })
  upgrade.refuse(status, { ...headers, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) }, text)
}
