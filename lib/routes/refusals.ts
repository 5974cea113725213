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

/** An upgrade that has no answer yet, and what is known of it. */
interface PendingUpgrade {
  server: WireServer
  request: FastifyRequest | undefined
  reply: FastifyReply | undefined
  /** The code of the error that refuses it. */
  code: string | undefined
  /** What the log says of its refusal, where the plugin refuses it. */
  refusal: Omit<RefusedUpgrade, 'statusCode'> | undefined
}

// On the response, and not in a WeakMap of responses: that made the collector cost a fifth of a handshake.
const pending = Symbol('pending')

interface WatchedResponse {
  [pending]?: PendingUpgrade
}

/** Counts an upgrade as refused if its answer opens no socket, whoever answers. */
export function watchUpgrade (server: WireServer, raw: IncomingMessage, upgrade: Upgrade): void {
  const { response } = upgrade
  const watched: PendingUpgrade = { server, request: undefined, reply: undefined, code: undefined, refusal: undefined };
  (response as WatchedResponse)[pending] = watched
  response.once('finish', () => {
    // Over HTTP/2 a response finishes as well when its client is gone.
    if (upgrade.isAccepted || !upgrade.hasBegun) return
    const { request, code, refusal } = watched
    const { statusCode } = response
    const reason = code ?? String(statusCode)
    watched.server.measurements.refused(reason)
    if (refusal !== undefined) watched.server.refusals.add({ ...refusal, statusCode }, request)
    if (refuseChannel.hasSubscribers) {
      refuseChannel.publish({ requestId: request?.id, route: request?.routeOptions.url, url: raw.url as string, statusCode, reason })
    }
  })
}

/** An upgrade has come to the hooks of a registration, which is the one that counts it. */
export function claimUpgrade (server: WireServer, request: FastifyRequest, reply: FastifyReply): void {
  const upgrade = (reply.raw as WatchedResponse)[pending]
  if (upgrade === undefined) return
  upgrade.server = server
  upgrade.request = request
  upgrade.reply = reply
}

/** Whether an error refuses an upgrade, and is not one of the application, which may throw anything. */
function isRefusal (error: unknown): error is Refusal {
  const { code, statusCode } = (error ?? {}) as Partial<Refusal>
  return typeof code === 'string' && code.startsWith('FST_WIRE_') && statusCode !== 500
}

/**
 * Has the log say in one line, which a flood of them shares, that an upgrade is refused. Its error goes the way of all
 * errors, and so to the error handler of the application.
 * @returns the error
 */
export function logRefusal (request: FastifyRequest, reply: FastifyReply, error: unknown): unknown {
  if (isRefusal(error)) {
    const { code, details, advice } = error
    takeOverLog(request, reply, { code, details, advice })
  }
  return error
}

/** The same of an upgrade to a URL without a socket, which is answered as any other URL where nothing stands. */
export function logMissed (request: FastifyRequest, reply: FastifyReply, code = '404'): void {
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
 * Notes why an upgrade is refused past Fastify, whose hooks learn nothing of it.
 * @param details for the log
 */
export function noteRefusal ({ response }: Upgrade, code: ErrorCode, details?: object): void {
  const watched = (response as WatchedResponse)[pending] as PendingUpgrade
  const { request, reply } = watched
  const refusal = { code, details }
  watched.code = code
  // Without hooks of a registration the log of the application has the line.
  if (request === undefined || reply === undefined) watched.refusal = refusal
  else takeOverLog(request, reply, refusal)
}

/** Answers an upgrade while the application closes: Fastify would say 503 without a word why, or when to come again. */
export function refuseWhileClosing (upgrade: Upgrade): void {
  const error = new ServerClosing()
  noteRefusal(upgrade, error.code)
  answerUnavailable(upgrade, error)
}

/** Notes the errors that refuse upgrades. */
export function noteRefusals (instance: FastifyInstance): void {
  instance.addHook('onError', (request, reply, error, done) => {
    const upgrade = (reply.raw as WatchedResponse)[pending]
    if (upgrade !== undefined) {
      upgrade.request = request
      upgrade.code = error.code
    }
    done()
  })
}
