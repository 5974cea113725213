import type { FastifyRequest } from 'fastify'
import type { AdmissionSettings } from '../options/admission.js'
import { acquireConnection, type ConnectionLimits } from '../server/connection-limits.js'
import { refuse, type RefusalParts } from '../error-kinds.js'
import { OriginRefused } from '../errors.js'
import type { Handshake } from '../handshake/handshake.js'
import { isListed, ownOrigin } from '../handshake/origin.js'
import { isError } from '../is-error.js'
import { isThenable } from '../socket/thenable.js'
import { tryLog } from '../try-log.js'
import type { Upgrade } from '../upgrade/response.js'
import { answerFailure } from '../upgrade/unavailable.js'

// For the answer and the log line. The header may have 16 KiB.
const MAX_ORIGIN_LENGTH = 100

/**
 * Checks the connection limits, then the origin. Runs before the hooks of the route, so that a refusal is cheap. The
 * limits come first, so that connections count while an origin function decides.
 * @param done receives the refusal, if there is one
 */
export function admit (
  settings: AdmissionSettings, limits: readonly ConnectionLimits[], handshake: Handshake, request: FastifyRequest,
  upgrade: Upgrade, done: (refusal?: Error) => void
): void {
  let isAllowed: boolean | Promise<boolean>
  // Only `true` admits; anything thrown refuses.
  const fail = (reason: unknown): void => {
    done(isError(reason) ? reason : originRefused(settings, handshake, request))
  }
  try {
    if (limits.length > 0) upgrade.onceFinished(acquireConnection(limits, request.ip))
    isAllowed = checkOrigin(settings, handshake, request)
  } catch (reason) {
    fail(reason)
    return
  }
  if (isAllowed === true) {
    done()
  } else if (isThenable(isAllowed)) {
    Promise.resolve(isAllowed)
      .then((isAllowed) => { done(isAllowed === true ? undefined : originRefused(settings, handshake, request)) }, fail)
      // Neither Fastify nor the 'upgrade' listener catches what `done()` throws here.
      .catch((error: unknown) => { answerThrown(upgrade, request, error) })
  } else {
    done(originRefused(settings, handshake, request))
  }
}

function answerThrown (upgrade: Upgrade, request: FastifyRequest, error: unknown): void {
  const report = (): void => { tryLog(request.log, 'error', { err: error }, 'an upgrade failed') }
  answerFailure(upgrade, error, report, () => { request.raw.destroy() })
}

/**
 * Whether the client connected by TLS. Over HTTP/2 the `:scheme` says so, also behind a proxy that terminates TLS;
 * pages cannot set it.
 */
export function isSecure (request: FastifyRequest): boolean {
  return request.protocol === 'https' || request.headers[':scheme'] === 'https'
}

function checkOrigin (
  { origin: rule }: AdmissionSettings, { origin }: Handshake, request: FastifyRequest
): boolean | Promise<boolean> {
  if (rule === undefined || origin === undefined) return true
  return typeof rule === 'function' ? rule(origin, request) : isListed(rule, origin, isSecure(request), request.host)
}

function originRefused ({ origin: rule }: AdmissionSettings, handshake: Handshake, request: FastifyRequest): Error {
  const origin = (handshake.origin as string).slice(0, MAX_ORIGIN_LENGTH)
  return refuse(OriginRefused, advise(rule, origin, request), origin)
}

/** The fields and the advice of the log line. */
function advise (rule: AdmissionSettings['origin'], origin: string, request: FastifyRequest): RefusalParts {
  if (typeof rule === 'function') {
    return { details: { origin }, advice: 'the function in the option origin did not allow it' }
  }
  if (rule?.hasOwn !== true) return { details: { origin } }
  const own = ownOrigin(isSecure(request), request.host)
  const advice = 'the option origin can allow it; behind a proxy, set trustProxy'
  return { details: { origin, own }, advice }
}
