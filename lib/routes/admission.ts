import type { FastifyRequest } from 'fastify'
import type { AdmissionSettings } from '../options/admission.js'
import { takePlace, type ConnectionLimits } from '../server/connection-limits.js'
import { OriginRefused } from '../errors.js'
import type { Handshake } from '../handshake/handshake.js'
import { isListed, ownOrigin } from '../handshake/origin.js'
import type { Upgrade } from '../upgrade/response.js'

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
  const fail = (reason: unknown): void => { done(reason instanceof Error ? reason : refuse(settings, handshake, request)) }
  try {
    if (limits.length > 0) upgrade.whenOver(takePlace(limits, request.ip))
    isAllowed = judge(settings, handshake, request)
  } catch (reason) {
    fail(reason)
    return
  }
  if (isAllowed === true) {
    done()
  } else if (isAllowed instanceof Promise) {
    isAllowed.then((isAllowed) => { done(isAllowed === true ? undefined : refuse(settings, handshake, request)) }, fail)
  } else {
    done(refuse(settings, handshake, request))
  }
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

function refuse ({ origin: rule }: AdmissionSettings, handshake: Handshake, request: FastifyRequest): Error {
  const origin = (handshake.origin as string).slice(0, LONGEST_ORIGIN_SHOWN)
  return Object.assign(new OriginRefused(origin), advise(rule, origin, request))
}

/** What the log says of it. */
function advise (rule: AdmissionSettings['origin'], origin: string, request: FastifyRequest): { details: object, advice?: string } {
  if (typeof rule === 'function') return { details: { origin }, advice: 'the function in the option origin did not allow it' }
  if (rule?.hasOwn !== true) return { details: { origin } }
  const own = ownOrigin(isSecure(request), request.host)
  return { details: { origin, own }, advice: 'to allow this origin, add it to the option origin, or set trustProxy behind a proxy' }
}
