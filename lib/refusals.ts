import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuseChannel } from './diagnostics.js'
import { ServerClosing } from './errors.js'
import type { WireServer } from './server.js'
import type { Upgrade } from './upgrade/response.js'
import { answerUnavailable } from './upgrade/unavailable.js'

/** An upgrade that has no answer yet, and what is known of it. */
interface PendingUpgrade {
  server: WireServer
  request: FastifyRequest | undefined
  /** The code of the error that refuses it. */
  code: string | undefined
}

// On the response, and not in a WeakMap of responses: that made the collector cost a fifth of a handshake.
const pending = Symbol('pending')

interface WatchedResponse {
  [pending]?: PendingUpgrade
}

/** Counts an upgrade as refused if its answer opens no socket, whoever answers. */
export function watchUpgrade (server: WireServer, raw: IncomingMessage, upgrade: Upgrade): void {
  const { response } = upgrade
  const watched: PendingUpgrade = { server, request: undefined, code: undefined };
  (response as WatchedResponse)[pending] = watched
  response.once('finish', () => {
    // Over HTTP/2 a response finishes as well when its client is gone.
    if (upgrade.isAccepted || !upgrade.hasBegun) return
    const { request, code } = watched
    const { statusCode } = response
    const reason = code ?? String(statusCode)
    watched.server.measurements.refused(reason)
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
}

/**
 * Notes why an upgrade is refused past Fastify, whose hooks learn nothing of it.
 * @returns its request, where the hooks of a registration have seen it
 */
export function noteRefusal ({ response }: Upgrade, code: string): FastifyRequest | undefined {
  const watched = (response as WatchedResponse)[pending] as PendingUpgrade
  watched.code = code
  return watched.request
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
