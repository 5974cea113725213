import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Http2Server } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Registration } from './routes/registration.js'
import { openTopics } from './routes/open-topics.js'
import { createLimits } from './server/connection-limits.js'
import { closeSockets, type ShutdownSettings } from './server/shutdown.js'
import { checkDecorators, refuseAnother } from './routes/decorators.js'
import { copySchema, isDropIn, openToUpgrades, type DropInRoute } from './routes/drop-in.js'
import { takeEarlyRoutes } from './routes/early-routes.js'
import { resolveDropInSettings, resolveSettings, type Settings } from './options/resolve.js'
import { SOCKET_OPTIONS } from './options/table.js'
import type { WireOptions } from './options/options.js'
import { misspeltOptions, readPluginOptions } from './options/plugin.js'
import { readDeclaration } from './options/route.js'
import { RefusalLog } from './server/refusal-log.js'
import { MAX_URL_LENGTH, recordRefusal, refuseWhileClosing, watchUpgrade } from './routes/refusals.js'
import { refuseUnrouted } from './routes/unrouted.js'
import { addSocketRoute, declaration } from './routes/ws-route.js'
import { WireServer } from './server/server.js'
import { prepareDirectIO } from './transport/direct.js'
import { tryLog } from './try-log.js'
import { applicationOf, requestLogging, secondaryServers } from './routes/fastify-servers.js'
import { Connections } from './upgrade/connections.js'
import { boundHeads } from './upgrade/head-timeout.js'
import { listenForUpgrades } from './upgrade/http1-listener.js'
import { isHttp2Server, listenForConnects } from './upgrade/http2-listener.js'
import { applyContext, injectSocket, type InjectContext, type InjectHooks } from './inject/inject.js'
import { isUpgrade, markUpgrade, upgradeConstraint, type RouteKind } from './routes/upgrade-constraint.js'
import type { Upgrade, FailureHandler } from './upgrade/response.js'
import { rewrittenUrl } from './routes/rewrite-url.js'
import { routerOptionsOf } from './routes/router-options.js'
import { SocketUrls, urlsOf } from './routes/socket-urls.js'
import { createSocketTopics } from './topics/socket-topics.js'
import { nextTick } from './timers.js'
import type { PlainSocket } from './socket/typed-socket.js'

/** The state that all registrations of one application share. */
interface AppState {
  /** The URLs of socket routes. */
  readonly urls: SocketUrls
  /** The URLs of GET routes without a socket that were declared after the plugin was loaded. */
  readonly resources: SocketUrls
  /**
   * The servers whose upgrades are answered, each with the server for injected connections. Each server has one
   * listener, even if several contexts register the plugin.
   */
  readonly listening: Map<Server, Server>
  /** Whether the application is closing, so that handshakes are refused. */
  isClosing: boolean
}

// By the application.
const states = new WeakMap<object, AppState>()

export async function plugin (instance: FastifyInstance, given: WireOptions): Promise<void> {
  const options = readPluginOptions(given)
  const { decorator = 'ws' } = options
  const isRequestFree = checkDecorators(instance, decorator)
  const settings = resolveSettings(options)
  const isDirect = settings.directIO && await prepareDirectIO()
  const how = isDirect ? 'directly' : 'as streams'
  instance.log.debug({ directIO: isDirect }, `connections are read and written ${how}`)
  if (options.options?.path !== undefined) {
    instance.log.warn('ws server path option shouldn\'t be provided, use a route instead')
  }

  for (const sentence of misspeltOptions(given, SOCKET_OPTIONS)) instance.log.warn(sentence)

  const state = states.get(applicationOf(instance)) ?? createState(instance)
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
  answerUpgrades(instance, state, httpServer, settings, server)

  instance.decorate('websocketServer', server)
  instance.decorate('topics', topics)
  instance.decorate(decorator, function (this: FastifyInstance, url: string, ...given: unknown[]) {
    const route = readDeclaration(url, given[0], given[1])
    addSocketRoute(this, options, registration, url, route.options, route.handler)
    return this
  } as FastifyInstance['ws'])
  instance.decorate('injectWS', async function (
    this: FastifyInstance, path?: string, context?: InjectContext, hooks?: InjectHooks
  ) {
    // With the callback, because the promise of a second ready() of a child instance never settles.
    await new Promise<void>((resolve, reject) => {
      this.ready((error) => { error == null ? resolve() : reject(error) })
    })
    const target = context?.http2 === true ? httpServer : state.listening.get(httpServer) as Server
    return await injectSocket(target, path, context, hooks) as PlainSocket
  })
  if (isRequestFree) {
    const getter = function (this: FastifyRequest): boolean { return isUpgrade(this.raw) }
    instance.decorateRequest('ws', { getter } as unknown as boolean)
  }
  refuseAnother(instance)

  instance.addHook('onClose', async () => { refusals.end() })

  acceptDropInRoutes(instance, options, registration, state)
  refuseUnrouted(instance, state.urls, state.resources, server)
  closeWithApplication(instance, state, server, settings.shutdown, options.preClose)
  // For plugins that depend on @fastify/websocket by name.
  instance.register(fp(async () => {}, { name: '@fastify/websocket' }))
}

function createState (instance: FastifyInstance): AppState {
  const options = routerOptionsOf(instance)
  const state: AppState = {
    urls: new SocketUrls(options),
    resources: new SocketUrls(options),
    listening: new Map(),
    isClosing: false
  }
  states.set(applicationOf(instance), state)
  if (!instance.hasConstraintStrategy(upgradeConstraint.name)) {
    type Strategy = Parameters<FastifyInstance['addConstraintStrategy']>[0]
    instance.addConstraintStrategy({ ...upgradeConstraint } as unknown as Strategy)
  }
  return state
}

/** Answers the upgrades of a server. The first registration to do so serves the others too. */
function answerUpgrades (
  instance: FastifyInstance, state: AppState, server: Server,
  { handshakeTimeout: timeout, closeTimeout }: Settings, first: WireServer
): void {
  const { listening, urls } = state
  if (listening.has(server)) return
  boundHeads(server, timeout)
  const routing: Routing = (request, upgrade) => {
    markUpgrade(request, urls)
    applyContext(request)
    watchUpgrade(first, request, upgrade)
    if (state.isClosing) {
      refuseWhileClosing(upgrade)
      return
    }
    instance.routing(request, upgrade.response)
    if (upgrade.isAnswered) return
    // After routing(), because Fastify may have rewritten the URL.
    const limit = urls.find(request.url as string)?.handshakeTimeout ?? timeout
    upgrade.limitTime(limit, () => {
      const details = { url: request.url?.slice(0, MAX_URL_LENGTH), timeout: limit }
      recordRefusal(upgrade, 'FST_WIRE_HANDSHAKE_UNANSWERED', details)
    })
  }
  const isOurs: IsOurs = (request) => urls.find(rewrittenUrl(instance, request)) !== undefined
  const onFailure: FailureHandler = (error) => { tryLog(instance.log, 'error', { err: error }, 'an upgrade failed') }
  const connections = new Connections(closeTimeout)
  const stop = listenForUpgrades(server, routing, isOurs, onFailure, connections)
  instance.addHook('onClose', async () => { stop() })
  listening.set(server, isHttp2Server(server) ? listenOverHttp2(instance, server, routing, isOurs, onFailure) : server)
  closeConnections(instance, server, connections, closeTimeout)
}

type Routing = (request: IncomingMessage, upgrade: Upgrade) => void
type IsOurs = (request: IncomingMessage) => boolean

/**
 * Answers the extended CONNECTs of an HTTP/2 server.
 * @returns an HTTP/1.1 server for injected connections, which never listens
 */
function listenOverHttp2 (
  instance: FastifyInstance, server: Http2Server, ...handlers: [Routing, IsOurs, FailureHandler]
): Server {
  const listeners = [listenForConnects(server, ...handlers)]
  // On 'localhost' Fastify listens with one server per address.
  instance.addHook('onListen', async () => {
    for (const other of secondaryServers(instance)) {
      if (isHttp2Server(other)) listeners.push(listenForConnects(other, ...handlers))
    }
  })
  instance.addHook('preClose', async () => { for (const listener of listeners) listener.close() })
  instance.addHook('onClose', async () => { for (const listener of listeners) listener.stop() })
  // As with `app.inject()`, injected requests use HTTP/1.1 by default.
  const injectable = server instanceof TlsServer ? createTlsServer() : createServer()
  listenForUpgrades(injectable, ...handlers)
  return injectable
}

/** Destroys idle connections when the application closes. */
function closeConnections (instance: FastifyInstance, server: Server, connections: Connections, timeout: number): void {
  // A server from `options.server` does not close with the application.
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
    if (settings !== undefined) addUrls(urls, urlsOf(route), 'shared', settings.handshakeTimeout)
  }
  for (const early of takeEarlyRoutes(instance)) early.change((route) => { accept(early.instance, route) })
  instance.addHook('onRoute', function (this: FastifyInstance, options) {
    const route = options as unknown as DropInRoute
    if (route.constraints?.['upgrade'] === 'websocket') {
      const declared = route[declaration]
      for (const url of urlsOf(route)) declared?.defineTopics(url)
      addUrls(urls, urlsOf(route), 'constrained', declared?.handshakeTimeout ?? timeout)
    } else if (isDropIn(route)) {
      copySchema(route)
      accept(this, route)
    } else if ([route.method].flat().includes('GET')) {
      addUrls(resources, urlsOf(route), 'shared', timeout)
    }
  })
}

function addUrls (urls: SocketUrls, added: readonly string[], routeKind: RouteKind, timeout: number): void {
  for (const url of added) urls.add(url, routeKind, timeout)
}

/** The method behind `addHook('onClose')`, which the types omit. It works while the application closes. */
type ClosingInstance = FastifyInstance & { onClose (hook: () => Promise<void>): void }

/**
 * Closes the sockets when the application closes. The preClose hook only starts that, because `pluginTimeout` limits
 * preClose hooks. An onClose hook, which has no limit, waits for the sockets. It is added while the application closes,
 * so that it runs before the application's own onClose hooks, which then find no open sockets. Fastify itself waits
 * only for the connections of its first server.
 */
function closeWithApplication (
  instance: FastifyInstance, state: AppState, server: WireServer, shutdown: ShutdownSettings,
  preClose: WireOptions['preClose']
): void {
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
      // A handshake whose hooks have finished may still be accepted.
      server.on('connection', (socket) => { nextTick(closeSockets, [socket], shutdown) })
    });
    (instance as ClosingInstance).onClose(() => closed)
  })
  if (preClose !== undefined) instance.addHook('preClose', preClose)
}
