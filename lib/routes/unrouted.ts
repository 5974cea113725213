import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuse } from '../error-kinds.js'
import { BadConnectionHeader, MethodNotAllowed, NoSocket, UpgradeRequired } from '../errors.js'
import { isWebSocketUpgrade } from '../handshake/handshake.js'
import type { WireServer } from '../server/server.js'
import { isWatched } from './early-routes.js'
import { claimUpgrade, logNotFound, logRefusal, MAX_URL_LENGTH, recordRefusals } from './refusals.js'
import type { SocketUrls } from './socket-urls.js'
import { isUpgrade } from './upgrade-constraint.js'

/**
 * Refuses upgrades to URLs without a socket, and plain requests to URLs that have only a socket.
 * @param urls the URLs of socket routes
 * @param resources the URLs of GET routes without a socket
 */
export function refuseUnrouted (
  instance: FastifyInstance, urls: SocketUrls, resources: SocketUrls, server: WireServer
): void {
  recordRefusals(instance)
  instance.addHook('onRequest', (request, reply, done) => {
    claimUpgrade(server, request, reply)
    const { url } = request.routeOptions
    if (request.is404) done(refuseNotFound(request, reply, urls, resources))
    // The router chose a route without a socket, whose pattern is more specific than that of the socket.
    else if (isUpgrade(request.raw) && !urls.holds(url)) done(refuseWithoutSocket(request, reply))
    else done()
  })
}

function refuseWithoutSocket (request: FastifyRequest, reply: FastifyReply): Error {
  return logRefusal(request, reply, new NoSocket(request.url.slice(0, MAX_URL_LENGTH))) as Error
}

/** Returns a more precise error than 404, if there is one. */
function refuseNotFound (
  request: FastifyRequest, reply: FastifyReply, urls: SocketUrls, resources: SocketUrls
): Error | undefined {
  const { method } = request
  const found = urls.find(request.url)?.routeKind
  if (isUpgrade(request.raw)) {
    if (found !== undefined && method !== 'GET') {
      return logRefusal(request, reply, new MethodNotAllowed(method)) as Error
    }
    if (found === undefined && resources.find(request.url) !== undefined) return refuseWithoutSocket(request, reply)
    logNotFound(request, reply, found === undefined && !isWatched(request.server) ? 'UNSEEN_ROUTES' : undefined)
    return undefined
  }
  if (found !== 'constrained' || (method !== 'GET' && method !== 'HEAD')) return undefined
  if (isWebSocketUpgrade(request.headers)) return new BadConnectionHeader()
  // HTTP/2 forbids these headers (RFC 9113 §8.2.2).
  const headers = request.raw.httpVersionMajor === 1 ? { upgrade: 'websocket', connection: 'Upgrade' } : {}
  return refuse(UpgradeRequired, { headers })
}
