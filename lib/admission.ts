import type { FastifyRequest } from 'fastify'
import type { AdmissionSettings } from './options/admission.js'
import { takePlace, type ConnectionLimits } from './connection-limits.js'
import { OriginRefused } from './errors.js'
import type { Handshake } from './handshake/handshake.js'
import { isListed, ownOrigin } from './handshake/origin.js'
import { tryLog } from './try-log.js'
import type { UpgradeResponse } from './upgrade/response.js'

// A header may have 16 KiB, which are not to come back in an answer and a line of the log.
const LONGEST_ORIGIN_SHOWN = 200

/**
 * Judges who may connect, before any hook of the route runs, so that a refusal is cheap. First the number of connections,
 * so that those for which a function decides about their origin are counted as well.
 * @param done gets the refusal, where there is one
 */
export function admit (settings: AdmissionSettings, limits: readonly ConnectionLimits[], handshake: Handshake, request: FastifyRequest, response: UpgradeResponse, done: (refusal?: Error) => void): void {
  let isAllowed: boolean | Promise<boolean>
  // Only true lets in: also what is thrown is no reason to, whatever it is.
  const fail = (reason: unknown): void => { done(reason instanceof Error ? reason : refuse(settings, handshake, request)) }
  try {
    if (limits.length > 0) response.whenOver(takePlace(limits, request.ip))
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
  const own = ownOrigin(isSecure(request), request.host)
  const line = `a WebSocket of a page of "${origin}" was refused: ${advise(rule, origin, own)}`
  tryLog(request.log, 'warn', { origin, own }, line)
  return new OriginRefused(origin)
}

function advise (rule: AdmissionSettings['origin'], origin: string, own: string | undefined): string {
  if (typeof rule === 'function') return 'the function that is the origin option decided so'
  const advice = `to allow it, add '${origin}' to the origin option of the route or the plugin`
  return rule?.hasOwn === true
    ? `${advice}; or, if the page is of this server, which takes itself for ${own}, a proxy in front of it calls for Fastify's trustProxy`
    : advice
}
