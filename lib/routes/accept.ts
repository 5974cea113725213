import { STATUS_CODES, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { admit, isSecure } from './admission.js'
import type { ConnectionLimits } from '../server/connection-limits.js'
import { upgradeChannel } from '../diagnostics.js'
import { refuse } from '../error-kinds.js'
import { ClientRefused, ProtocolNotOffered, ServerClosing } from '../errors.js'
import { chooseProtocol, readHandshake, type Answer, type Handshake } from '../handshake/handshake.js'
import { negotiateDeflate, readExtensions, type DeflateAgreement } from '../handshake/extensions.js'
import type { DeflateSettings } from '../deflate/settings.js'
import type { Settings } from '../options/resolve.js'
import { createContext, reportOpen } from './observer.js'
import type { Registration } from './registration.js'
import { logRefusal } from './refusals.js'
import { Compression } from '../protocol/compression.js'
import type { WireServer } from '../server/server.js'
import type { SocketSettings } from '../socket/init.js'
import type { SocketObserver } from '../socket/observer.js'
import { beginLifetime } from '../socket/lifetime.js'
import { open, WireSocket } from '../socket/socket.js'
import { isThenable } from '../socket/thenable.js'
import { LIVE_PROTOCOL } from '../topics/frames.js'
import { chooseTopics, type InitialTopics } from './route-topics.js'
import { upgradeOf, type Upgrade } from '../upgrade/response.js'
import { createProtocol } from '../protocol/create-protocol.js'
import type { PlainSocket } from '../socket/typed-socket.js'
import type { SocketHandler } from '../options/declaration.js'
import { isHixie } from '../versions.js'

/** A route that accepts sockets. */
export interface SocketRoute {
  readonly instance: FastifyInstance
  readonly settings: Settings
  readonly registration: Registration
  readonly handler: SocketHandler
  readonly socketSettings: SocketSettings
  readonly observer: SocketObserver<WireSocket>
}

// The host of requests without a Host header. RFC 2606 §2 reserves '.invalid'.
const MISSING_HOST = 'host.invalid'

/** Reads the handshake of an upgrade, and checks limits and origin. Runs before the hooks of the route. */
export function checkHandshake (
  settings: Settings, limits: readonly ConnectionLimits[], request: FastifyRequest, reply: FastifyReply,
  proceed: (error?: Error) => void
): void {
  const { raw } = request
  const done = (error?: Error): void => {
    proceed(error === undefined ? undefined : logRefusal(request, reply, error) as Error)
  }
  let handshake: Handshake
  try {
    handshake = readHandshake({
      method: request.method,
      httpVersion: raw.httpVersion,
      url: request.originalUrl,
      headers: request.headers,
      secure: request.protocol === 'https',
      host: request.host === '' && settings.toleratesMissingHost ? MISSING_HOST : request.host
    }, settings.versions)
  } catch (error) {
    done(error as Error)
    return
  }
  upgradeFor(reply).handshake = handshake
  if (upgradeChannel.hasSubscribers) {
    const route = request.routeOptions.url as string
    upgradeChannel.publish({ requestId: request.id, route, version: handshake.version, request })
  }
  admit(settings, limits, handshake, request, upgradeFor(reply), done)
}

const NO_BODY = Buffer.alloc(0)

// On a socket route, every reply answers an upgrade.
function upgradeFor (reply: FastifyReply): Upgrade {
  return upgradeOf(reply.raw) as Upgrade
}

/**
 * Answers a handshake and opens the socket, after all hooks of the route have run.
 * @returns a promise if the answer is asynchronous
 */
export function acceptSocket (
  route: SocketRoute, request: FastifyRequest, reply: FastifyReply
): Promise<FastifyReply> | undefined {
  const handshake = upgradeFor(reply).handshake as Handshake
  if (handshake.bodyLength > 0 || typeof route.registration.server.options.verifyClient === 'function') {
    return acceptLater(route, handshake, undefined, request, reply)
  }
  try {
    const initial = chooseTopics(route.registration.hub, route.settings.topics, request)
    if (initial instanceof Promise) return acceptLater(route, handshake, initial, request, reply)
    answerHandshake(route, handshake, NO_BODY, initial, request, reply)
  } catch (error) {
    throw logRefusal(request, reply, error)
  }
  return undefined
}

async function acceptLater (
  route: SocketRoute, handshake: Handshake, chosen: Promise<InitialTopics> | undefined, request: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply> {
  const { server, hub } = route.registration
  try {
    if (typeof server.options.verifyClient === 'function') await verifyClient(server, handshake, request)
    const initial = await (chosen ?? chooseTopics(hub, route.settings.topics, request))
    const body = handshake.bodyLength === 0 ? NO_BODY : await upgradeFor(reply).readBody(handshake.bodyLength)
    // handshakeTimeout may have expired.
    if (!reply.sent) answerHandshake(route, handshake, body, initial, request, reply)
  } catch (error) {
    throw logRefusal(request, reply, error)
  }
  return reply
}

function answerHandshake (
  route: SocketRoute, handshake: Handshake, body: Buffer, { topics, member }: InitialTopics, request: FastifyRequest,
  reply: FastifyReply
): void {
  const { instance, settings, registration, handler, socketSettings, observer } = route
  const { server, hub } = registration
  const offersLive = handshake.offered.includes(LIVE_PROTOCOL) && !handlesLiveFrames(settings)
  // The hixie drafts carry no binary messages, so their sockets would miss some messages of a topic.
  const isLive = offersLive && !isHixie(handshake.version)
  // The application chooses among the others: its subprotocol runs inside the live one.
  const offered = offersLive ? handshake.offered.filter((protocol) => protocol !== LIVE_PROTOCOL) : handshake.offered
  const subprotocol = agreeOnProtocol(settings, server, offered, request)
  if (registration.isClosing()) throw new ServerClosing()
  const agreement = agreeOnDeflate(settings, handshake, request)
  const answer = handshake.answer(isLive ? LIVE_PROTOCOL : subprotocol, body)
  const upgrade = upgradeFor(reply)
  if (agreement !== undefined) answer.headers.push('Sec-WebSocket-Extensions', agreement.answer)
  upgrade.accept(emitHeaders(server, answer, request.raw, upgrade.acceptStatus), (stream, head) => {
    const { version } = handshake
    const context = createContext(settings, registration.logsRequests(request), request, reply)
    const socket = new WireSocket({
      stream,
      settings: socketSettings,
      observer,
      url: request.originalUrl,
      subprotocol: subprotocol ?? '',
      extensions: agreement === undefined ? '' : 'permessage-deflate',
      createProtocol: (sink, output) => {
        const compression = agreement === undefined
          ? undefined
          : new Compression(output, agreement.parameters, settings.deflate as DeflateSettings)
        return createProtocol(version, sink, output, settings.limits, compression)
      },
      context
    })
    if (settings.lifetime !== undefined) context.lifetimeEnd = beginLifetime(socket, settings.lifetime)
    socket[open](head, () => {
      reportOpen(server, socket, request, context)
      server.add(socket, request.raw)
      if (isLive || topics.length > 0) {
        hub.attach(socket, {
          topics, member, hasPresence: settings.topics.rules.hasPresence, live: isLive ? subprotocol ?? '' : undefined
        })
      }
      return handler.call(instance, socket as PlainSocket, request)
    })
  })
  reply.code(upgrade.acceptStatus).send()
}

/** Whether the application lists the live subprotocol among its own, and so handles its frames itself. */
function handlesLiveFrames ({ protocols }: Settings): boolean {
  return Array.isArray(protocols) && protocols.includes(LIVE_PROTOCOL)
}

function agreeOnDeflate (
  { deflate }: Settings, { version }: Handshake, request: FastifyRequest
): DeflateAgreement | undefined {
  if (deflate === undefined || version !== '13') return undefined
  return negotiateDeflate(readExtensions(request.headers), deflate)
}

function verifyClient (server: WireServer, handshake: Handshake, request: FastifyRequest): Promise<void> {
  const { options } = server
  return new Promise((resolve, reject) => {
    const settle = (
      accepted: boolean, status = 401, message = STATUS_CODES[status] ?? '', headers: OutgoingHttpHeaders = {}
    ): void => {
      if (accepted) resolve()
      else reject(refuse(ClientRefused, { statusCode: status, headers }, message))
    }
    const verify = options.verifyClient as (info: object, callback?: typeof settle) => boolean
    const info = { origin: handshake.origin as string, secure: isSecure(request), req: request.raw }
    if (verify.length >= 2) verify.call(options, info, settle)
    else Promise.resolve(verify.call(options, info)).then((accepted) => { settle(accepted) }).catch(reject)
  })
}

function agreeOnProtocol (
  { protocols }: Settings, { options }: WireServer, offered: readonly string[], request: FastifyRequest
): string | undefined {
  if (Array.isArray(protocols)) return chooseProtocol(offered, protocols)
  if (offered.length === 0) return undefined
  const chosen: unknown = typeof protocols === 'function'
    ? protocols(offered, request)
    : typeof options.handleProtocols === 'function'
      ? options.handleProtocols(new Set(offered), request.raw)
      : chooseProtocol(offered, undefined)
  if (isThenable(chosen)) {
    // An asynchronous function is a mistake of the application. Its rejection must not end the process.
    chosen.then(undefined, () => {})
    throw new ProtocolNotOffered('a promise', offered.join(', '))
  }
  if (typeof chosen !== 'string' || chosen === '') return undefined
  if (!offered.includes(chosen)) throw new ProtocolNotOffered(chosen, offered.join(', '))
  return chosen
}

/** Emits 'headers', whose listeners may add lines to the answer. */
function emitHeaders (server: WireServer, answer: Answer, request: IncomingMessage, status: number): Answer {
  if (server.listenerCount('headers') === 0) return answer
  const lines = [`HTTP/${request.httpVersion} ${status} ${answer.reason}`]
  for (let i = 0; i < answer.headers.length; i += 2) lines.push(`${answer.headers[i]}: ${answer.headers[i + 1]}`)
  server.emit('headers', lines, request)
  const headers = lines.slice(1).flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return { ...answer, headers }
}
