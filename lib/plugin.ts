import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Http2Server } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Registration } from './routes/registration.js'
import { openTopics } from './routes/open-topics.js'
import { createLimits } from './server/connection-limits.js'
import { closeSockets, type ShutdownSettings } from './server/shutdown.js'
import { checkDecorators, refuseAnother } from './routes/decorators.js'
import { copySchema, isDropIn, openToUpgrades, type DropInRoute } from './routes/drop-in.js'
import { isWatched, takeEarlyRoutes } from './routes/early-routes.js'
import { refuse } from './error-kinds.js'
import { BadConnectionHeader, MethodNotAllowed, NoSocket, UpgradeRequired } from './errors.js'
import { isWebSocketUpgrade } from './handshake/handshake.js'
import { resolveDropInSettings, resolveSettings, type Settings } from './options/resolve.js'
import { SOCKET_OPTIONS } from './options/table.js'
import type { WireOptions } from './options/options.js'
import { misspeltOptions, readPluginOptions } from './options/plugin.js'
import { readDeclaration } from './options/route.js'
import { RefusalLog } from './server/refusal-log.js'
import { claimUpgrade, logMissed, logRefusal, noteRefusal, noteRefusals, refuseWhileClosing, watchUpgrade } from './routes/refusals.js'
import { addSocketRoute, declaration } from './routes/ws-route.js'
import { WireServer } from './server/server.js'
import { prepareDirectIO } from './transport/direct.js'
import { tryLog } from './try-log.js'
import { requestLogging, secondaryServers } from './routes/fastify-servers.js'
import { Connections } from './upgrade/connections.js'
import { boundHeads } from './upgrade/head-timeout.js'
import { listenForUpgrades } from './upgrade/http1.js'
import { isHttp2Server, listenForConnects } from './upgrade/http2.js'
import { injectSocket, lendContext, type InjectContext, type InjectHooks } from './inject/inject.js'
import { isUpgrade, markUpgrade, upgradeConstraint } from './routes/upgrade-constraint.js'
import type { Upgrade, UpgradeFailed } from './upgrade/response.js'
import { rewrittenUrl } from './routes/rewrite-url.js'
import { SocketUrls, urlsOf } from './routes/socket-urls.js'
import { createSocketTopics } from './topics/socket-topics.js'
import { nextTick } from './timers.js'
import type { PlainSocket } from './socket/typed-socket.js'

/** What the registrations of one application share. */
interface AppState {
  readonly urls: SocketUrls
  /** The URLs of GET routes without a socket, as far as the plugin has seen them. */
  readonly resources: SocketUrls
  /** One listener serves a server, however many contexts register the plugin. To each, the server that takes injected connections. */
  readonly listening: Map<Server, Server>
  /** Whether a socket may not be opened any more. */
  isClosing: boolean
}

// In a line of the log, of what may have 16 KiB.
const LONGEST_URL_SHOWN = 100

// By the HTTP server of the application.
const states = new WeakMap<object, AppState>()

export async function plugin (instance: FastifyInstance, given: WireOptions): Promise<void> {
  const options = readPluginOptions(given)
  const { decorator = 'ws' } = options
  const isRequestFree = checkDecorators(instance, decorator)
  const settings = resolveSettings(options)
  const isDirect = settings.directIO && await prepareDirectIO()
  instance.log.debug({ directIO: isDirect }, isDirect ? 'connections are read and written directly' : 'connections are read and written as streams')
  if (options.options?.path !== undefined) instance.log.warn('ws server path option shouldn\'t be provided, use a route instead')

  for (const sentence of misspeltOptions(given, SOCKET_OPTIONS)) instance.log.warn(sentence)

  const state = states.get(instance.server) ?? createState(instance)
  const httpServer = (options.options?.server ?? instance.server) as Server
  const logsRequests = requestLogging(instance)
  const refusals = new RefusalLog(instance.log, logsRequests)
  const server = new WireServer(options.options, (error) => {
    tryLog(instance.log, 'error', { err: error }, 'a listener of websocketServer failed')
  }, refusals)
  const { hub, topics } = await openTopics(instance, server, options)
  const registration: Registration = {
    server,
    hub,
    socketTopics: createSocketTopics(hub, topics),
    isClosing: () => state.isClosing || server.isClosing,
    logsRequests,
    limits: createLimits(settings)
  }
  listen(instance, state, httpServer, settings, server)

  instance.decorate('websocketServer', server)
  instance.decorate('topics', topics)
  instance.decorate(decorator, function (this: FastifyInstance, url: string, ...given: unknown[]) {
    const route = readDeclaration(url, given[0], given[1])
    addSocketRoute(this, options, registration, url, route.options, route.handler)
    return this
  } as FastifyInstance['ws'])
  instance.decorate('injectWS', async function (this: FastifyInstance, path?: string, context?: InjectContext, hooks?: InjectHooks) {
    // Of an encapsulated instance, the promise of a second ready() is broken; its callback is not.
    await new Promise<void>((resolve, reject) => { this.ready((error) => { error == null ? resolve() : reject(error) }) })
    const taking = context?.http2 === true ? httpServer : state.listening.get(httpServer) as Server
    return await injectSocket(taking, path, context, hooks) as PlainSocket
  })
  if (isRequestFree) instance.decorateRequest('ws', { getter (this: FastifyRequest) { return isUpgrade(this.raw) } } as unknown as boolean)
  refuseAnother(instance)

  instance.addHook('onClose', async () => { refusals.end() })

  acceptDropInRoutes(instance, options, registration, state)
  answerOtherwise(instance, state, server)
  closeWith(instance, state, server, settings.shutdown, options.preClose)
  // For those who ask for @fastify/websocket by its name.
  instance.register(fp(async () => {}, { name: '@fastify/websocket' }))
}

function createState (instance: FastifyInstance): AppState {
  const { routerOptions } = instance.initialConfig as { routerOptions?: Record<string, unknown> }
  const state: AppState = { urls: new SocketUrls(routerOptions), resources: new SocketUrls(routerOptions), listening: new Map(), isClosing: false }
  states.set(instance.server, state)
  if (!instance.hasConstraintStrategy(upgradeConstraint.name)) {
    instance.addConstraintStrategy({ ...upgradeConstraint } as unknown as Parameters<FastifyInstance['addConstraintStrategy']>[0])
  }
  return state
}

function listen (instance: FastifyInstance, state: AppState, server: Server, { handshakeTimeout: timeout, closeTimeout }: Settings, first: WireServer): void {
  const { listening, urls } = state
  if (listening.has(server)) return
  boundHeads(server, timeout)
  const routing: Routing = (request, upgrade) => {
    markUpgrade(request, urls)
    lendContext(request)
    watchUpgrade(first, request, upgrade)
    if (state.isClosing) {
      refuseWhileClosing(upgrade)
      return
    }
    instance.routing(request, upgrade.response)
    if (upgrade.isAnswered) return
    // Only now, since Fastify may have rewritten the URL.
    const limit = urls.find(request.url as string)?.handshakeTimeout ?? timeout
    upgrade.limitTime(limit, () => {
      noteRefusal(upgrade, 'FST_WIRE_HANDSHAKE_UNANSWERED', { url: request.url?.slice(0, LONGEST_URL_SHOWN), timeout: limit })
    })
  }
  const isOurs: IsOurs = (request) => urls.find(rewrittenUrl(instance, request)) !== undefined
  const failed: UpgradeFailed = (error) => { tryLog(instance.log, 'error', { err: error }, 'an upgrade failed') }
  const connections = new Connections(closeTimeout)
  const stop = listenForUpgrades(server, routing, isOurs, failed, connections)
  instance.addHook('onClose', async () => { stop() })
  listening.set(server, isHttp2Server(server) ? listenOverHttp2(instance, server, routing, isOurs, failed) : server)
  closeConnections(instance, server, connections, closeTimeout)
}

type Routing = (request: IncomingMessage, upgrade: Upgrade) => void
type IsOurs = (request: IncomingMessage) => boolean

function listenOverHttp2 (instance: FastifyInstance, server: Http2Server, ...how: [Routing, IsOurs, UpgradeFailed]): Server {
  const listeners = [listenForConnects(server, ...how)]
  // On 'localhost' Fastify listens by a server of its own for each address.
  instance.addHook('onListen', async () => {
    for (const other of secondaryServers(instance)) {
      if (isHttp2Server(other)) listeners.push(listenForConnects(other, ...how))
    }
  })
  instance.addHook('preClose', async () => { for (const listener of listeners) listener.close() })
  instance.addHook('onClose', async () => { for (const listener of listeners) listener.stop() })
  // What is injected comes over HTTP/1.1, as with `app.inject()`; this one never listens.
  const injectable = server instanceof TlsServer ? createTlsServer() : createServer()
  listenForUpgrades(injectable, ...how)
  return injectable
}

/** Has the connections on which nothing is under way end when the application closes. */
function closeConnections (instance: FastifyInstance, server: Server, connections: Connections, timeout: number): void {
  // Another server is not closed with the application.
  if (server === instance.server) {
    const stops = [connections.watch(server)]
    instance.addHook('onListen', async () => {
      for (const other of secondaryServers(instance)) stops.push(connections.watch(other as Server))
    })
    instance.addHook('onClose', async () => { for (const stop of stops) stop() })
  }
  instance.addHook('preClose', async () => { connections.close(timeout) })
  instance.addHook('onClose', async () => { connections.stop() })
}

function acceptDropInRoutes (
  instance: FastifyInstance, options: WireOptions, registration: Registration, { urls, resources }: AppState
): void {
  const { handshakeTimeout: timeout } = resolveDropInSettings(options)
  const accept = (declaring: FastifyInstance, route: DropInRoute): void => {
    const settings = openToUpgrades(declaring, route, options, registration)
    if (settings !== undefined) addUrls(urls, route, 'shared', settings.handshakeTimeout)
  }
  for (const early of takeEarlyRoutes(instance)) early.change((route) => { accept(early.instance, route) })
  instance.addHook('onRoute', function (this: FastifyInstance, options) {
    const route = options as unknown as DropInRoute
    if (route.constraints?.['upgrade'] === 'websocket') {
      const declared = route[declaration]
      for (const url of urlsOf(route)) declared?.defineTopics(url)
      addUrls(urls, route, 'constrained', declared?.handshakeTimeout ?? timeout)
    } else if (isDropIn(route)) {
      copySchema(route)
      accept(this, route)
    } else if ([route.method].flat().includes('GET')) addUrls(resources, route, 'shared', timeout)
  })
}

function addUrls (urls: SocketUrls, route: DropInRoute, marked: 'constrained' | 'shared', timeout: number): void {
  for (const url of urlsOf(route)) urls.add(url, marked, timeout)
}

/** Answers an upgrade where no socket stands, and a plain request where nothing else does. */
function answerOtherwise (instance: FastifyInstance, { urls, resources }: AppState, server: WireServer): void {
  noteRefusals(instance)
  instance.addHook('onRequest', (request, reply, done) => {
    claimUpgrade(server, request, reply)
    if (request.is404) done(refuseMissed(request, reply, urls, resources))
    // A resource stands there, more specific than a socket that the upgrade would have been for.
    else if (isUpgrade(request.raw) && !urls.holds(request.routeOptions.url)) done(refuseWithoutSocket(request, reply))
    else done()
  })
}

function refuseWithoutSocket (request: FastifyRequest, reply: FastifyReply): Error {
  return logRefusal(request, reply, new NoSocket(request.url.slice(0, LONGEST_URL_SHOWN))) as Error
}

function refuseMissed (request: FastifyRequest, reply: FastifyReply, urls: SocketUrls, resources: SocketUrls): Error | undefined {
  const { method } = request
  const found = urls.find(request.url)?.marked
  if (isUpgrade(request.raw)) {
    if (found !== undefined && method !== 'GET') {
      return logRefusal(request, reply, new MethodNotAllowed(method)) as Error
    }
    if (found === undefined && resources.find(request.url) !== undefined) return refuseWithoutSocket(request, reply)
    logMissed(request, reply, found === undefined && !isWatched(request.server) ? 'UNSEEN_ROUTES' : undefined)
    return undefined
  }
  if (found !== 'constrained' || (method !== 'GET' && method !== 'HEAD')) return undefined
  if (isWebSocketUpgrade(request.headers)) return new BadConnectionHeader()
  // HTTP/2 has no such headers (RFC 9113 §8.2.2).
  const headers = request.raw.httpVersionMajor === 1 ? { upgrade: 'websocket', connection: 'Upgrade' } : {}
  return refuse(UpgradeRequired, { headers })
}

/** As types do not know it: `addHook()` adds an onClose hook by this, which works while the application closes as well. */
type ClosingInstance = FastifyInstance & { onClose (hook: () => Promise<void>): void }

/**
 * Begins to close the sockets, and returns: `pluginTimeout` bounds preClose hooks, which the peers know nothing of. What
 * waits for the sockets is an onClose hook, which nothing bounds. Added only now it stands before those of the
 * application, so that they find no socket open. Fastify waits for the connections of its server before, but not for
 * those of its second address, of another server, or in memory.
 */
function closeWith (instance: FastifyInstance, state: AppState, server: WireServer, shutdown: ShutdownSettings, preClose: WireOptions['preClose']): void {
  instance.addHook('preClose', async () => {
    state.isClosing = true;
    (instance as ClosingInstance).onClose(() => server.closeListeners.settled())
    if (preClose !== undefined) return
    const closed = new Promise<void>((resolve) => {
      server.close(() => {
        stop()
        resolve()
      })
      const stop = closeSockets(server.sockets, shutdown)
      // One whose hooks ran on while its handshake was answered.
      server.on('connection', (socket) => { nextTick(closeSockets, [socket], shutdown) })
    });
    (instance as ClosingInstance).onClose(() => closed)
  })
  if (preClose !== undefined) instance.addHook('preClose', preClose)
}
