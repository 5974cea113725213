import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuseChannel } from '../diagnostics.js'
import type { ErrorCode } from '../error-code.js'
import type { Refusal } from '../error-kinds.js'
import { ServerClosing } from '../errors.js'
import { withoutRequestLines, type RefusedUpgrade } from '../server/refusal-log.js'
import type { WireServer } from '../server/server.js'
import type { Upgrade } from '../upgrade/response.js'
import { answerUnavailable } from '../upgrade/unavailable.js'

/** The length to which URLs are truncated in log lines and errors. A URL may have 16 KiB. */
export const MAX_URL_LENGTH = 100

/** An upgrade without an answer. */
interface PendingUpgrade {
  server: WireServer
  request: FastifyRequest | undefined
  reply: FastifyReply | undefined
  /** The code of the error that refuses it. */
  code: string | undefined
  /** For the log line, if the plugin refuses the upgrade. */
  refusal: Omit<RefusedUpgrade, 'statusCode'> | undefined
}

// A property, because a WeakMap of responses made garbage collection cost a fifth of a handshake.
const pending = Symbol('pending')

interface WatchedResponse {
  [pending]?: PendingUpgrade
}

/** Counts, logs and publishes the refusal of an upgrade, whether the plugin or the application refuses it. */
export function watchUpgrade (server: WireServer, raw: IncomingMessage, upgrade: Upgrade): void {
  const { response } = upgrade
  const watched: PendingUpgrade = { server, request: undefined, reply: undefined, code: undefined, refusal: undefined };
  (response as WatchedResponse)[pending] = watched
  response.once('finish', () => {
    // An HTTP/2 response also finishes when the client disconnects.
    if (upgrade.isAccepted || !upgrade.hasBegun) return
    const { request, code, refusal } = watched
    const { statusCode } = response
    const reason = code ?? String(statusCode)
    watched.server.measurements.refused(reason)
    if (refusal !== undefined) watched.server.refusals.add({ ...refusal, statusCode }, request)
    if (refuseChannel.hasSubscribers) {
      const route = request?.routeOptions.url
      refuseChannel.publish({ requestId: request?.id, route, url: raw.url as string, statusCode, reason })
    }
  })
}

/** Makes a registration the one that counts an upgrade, once the upgrade has reached its hooks. */
export function claimUpgrade (server: WireServer, request: FastifyRequest, reply: FastifyReply): void {
  const upgrade = (reply.raw as WatchedResponse)[pending]
  if (upgrade === undefined) return
  upgrade.server = server
  upgrade.request = request
  upgrade.reply = reply
}

/** Whether an error is a refusal of this package. The application may throw anything else. */
function isRefusal (error: unknown): error is Refusal {
  const { code, statusCode } = (error ?? {}) as Partial<Refusal>
  return typeof code === 'string' && code.startsWith('FST_WIRE_') && statusCode !== 500
}

/**
 * Logs a refusal by the rate-limited RefusalLog instead of Fastify's lines. The error still goes to the error handler.
 * @returns the error
 */
export function logRefusal (request: FastifyRequest, reply: FastifyReply, error: unknown): unknown {
  if (isRefusal(error)) {
    const { code, details, advice } = error
    takeOverLog(request, reply, { code, details, advice })
  }
  return error
}

/** The same for an upgrade that Fastify answers with 404. */
export function logNotFound (request: FastifyRequest, reply: FastifyReply, code = '404'): void {
  takeOverLog(request, reply, { code })
}

function takeOverLog (request: FastifyRequest, reply: FastifyReply, refusal: PendingUpgrade['refusal']): void {
  const upgrade = (reply.raw as WatchedResponse)[pending]
  if (upgrade === undefined || upgrade.refusal !== undefined) return
  upgrade.refusal = refusal
  request.log = withoutRequestLines(request.log, reply)
  reply.log = withoutRequestLines(reply.log, reply)
}

/**
 * Records the reason for a refusal that bypasses Fastify and its hooks.
 * @param details fields of the log line
 */
export function recordRefusal ({ response }: Upgrade, code: ErrorCode, details?: object): void {
  const watched = (response as WatchedResponse)[pending] as PendingUpgrade
  const { request, reply } = watched
  const refusal = { code, details }
  watched.code = code
  // No hook of the plugin has run, so there is no request logger.
  if (request === undefined || reply === undefined) watched.refusal = refusal
  else takeOverLog(request, reply, refusal)
}

/** Refuses an upgrade while the application closes. Fastify's own 503 has neither a reason nor Retry-After. */
export function refuseWhileClosing (upgrade: Upgrade): void {
  const error = new ServerClosing()
  recordRefusal(upgrade, error.code)
  answerUnavailable(upgrade, error)
}

/** Records the codes of errors that refuse upgrades. */
export function recordRefusals (instance: FastifyInstance): void {
  instance.addHook('onError', (request, reply, error, done) => {
    const upgrade = (reply.raw as WatchedResponse)[pending]
    if (upgrade !== undefined) {
      upgrade.request = request
      upgrade.code = error.code
    }
    done()
  })
}
