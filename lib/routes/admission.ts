import type { FastifyRequest } from 'fastify'
import type { AdmissionSettings } from '../options/admission.js'
import { takePlace, type ConnectionLimits } from '../server/connection-limits.js'
import { refuse, type RefusalParts } from '../error-kinds.js'
import { OriginRefused } from '../errors.js'
import type { Handshake } from '../handshake/handshake.js'
import { isListed, ownOrigin } from '../handshake/origin.js'
import { isError } from '../is-error.js'
import { isThenable } from '../socket/thenable.js'
import { tryLog } from '../try-log.js'
import type { Upgrade } from '../upgrade/response.js'
import { answerFailure } from '../upgrade/unavailable.js'

// A header may have 16 KiB, which are not to come back in an answer and a line of the log.
const LONGEST_ORIGIN_SHOWN = 100

/**
 * Judges who may connect, before any hook of the route runs, so that a refusal is cheap. First the number of connections,
 * so that those for which a function decides about their origin are counted as well.
 * @param done gets the refusal, where there is one
 */
export function admit (settings: AdmissionSettings, limits: readonly ConnectionLimits[], handshake: Handshake, request: FastifyRequest, upgrade: Upgrade, done: (refusal?: Error) => void): void {
  let isAllowed: boolean | Promise<boolean>
  // Only true lets in: also what is thrown is no reason to, whatever it is.
  const fail = (reason: unknown): void => { done(isError(reason) ? reason : originRefused(settings, handshake, request)) }
  try {
    if (limits.length > 0) upgrade.onceFinished(takePlace(limits, request.ip))
    isAllowed = judge(settings, handshake, request)
  } catch (reason) {
    fail(reason)
    return
  }
  if (isAllowed === true) {
    done()
  } else if (isThenable(isAllowed)) {
    Promise.resolve(isAllowed)
      .then((isAllowed) => { done(isAllowed === true ? undefined : originRefused(settings, handshake, request)) }, fail)
      // What is thrown behind a promise reaches nobody: neither Fastify nor the listener that the upgrade came to.
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
 * Whether the client connected by TLS. Over HTTP/2 it says so itself, which a proxy that ends TLS leaves as it is; a page
 * has no say in it.
 */
export function isSecure (request: FastifyRequest): boolean {
  return request.protocol === 'https' || request.headers[':scheme'] === 'https'
}

function judge ({ origin: rule }: AdmissionSettings, { origin }: Handshake, request: FastifyRequest): boolean | Promise<boolean> {
  if (rule === undefined || origin === undefined) return true
  return typeof rule === 'function' ? rule(origin, request) : isListed(rule, origin, isSecure(request), request.host)
}

function originRefused ({ origin: rule }: AdmissionSettings, handshake: Handshake, request: FastifyRequest): Error {
  const origin = (handshake.origin as string).slice(0, LONGEST_ORIGIN_SHOWN)
  return refuse(OriginRefused, advise(rule, origin, request), origin)
}

/** What the log says of it. */
function advise (rule: AdmissionSettings['origin'], origin: string, request: FastifyRequest): RefusalParts {
  if (typeof rule === 'function') return { details: { origin }, advice: 'the function in the option origin did not allow it' }
  if (rule?.hasOwn !== true) return { details: { origin } }
  const own = ownOrigin(isSecure(request), request.host)
  return { details: { origin, own }, advice: 'to allow this origin, add it to the option origin, or set trustProxy behind a proxy' }
}
