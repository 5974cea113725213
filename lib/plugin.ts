import type { Server } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import findMyWay from 'find-my-way'
import { BadConnectionHeader, MethodNotAllowed, UpgradeRequired } from './errors.js'
import { isWebSocketUpgrade } from './handshake/handshake.js'
import { resolveSettings, type WireOptions } from './options.js'
import { addSocketRoute, markUpgrade, upgradeConstraint, type SocketHandler, type SocketRouteOptions, type Sockets } from './routes.js'
import type { WireSocket } from './socket/socket.js'
import { prepareDirectIO } from './transport/direct.js'
import { listenForUpgrades, UpgradeResponse } from './upgrade/http1.js'

/** The URLs that hold a socket, whatever else they hold. */
interface SocketUrls {
  add (url: string): void
  has (url: string): boolean
}

interface ServerState {
  readonly urls: SocketUrls
  /** Whether a socket may not be opened any more. */
  isClosing: boolean
}

// One listener serves a server, however many contexts register the plugin.
const states = new WeakMap<object, ServerState>()

export async function plugin (instance: FastifyInstance, options: WireOptions): Promise<void> {
  const { directIO } = resolveSettings(options)
  if (directIO) await prepareDirectIO()
  const state = states.get(instance.server) ?? attach(instance)
  const sockets: Sockets = {
    open: new Set<WireSocket>(),
    isClosing: () => state.isClosing,
    logsRequests: requestLogging(instance)
  }

  instance.decorate('ws', function (this: FastifyInstance, url: string, routeOptions: SocketRouteOptions | SocketHandler, handler?: SocketHandler) {
    const isShort = typeof routeOptions === 'function' || routeOptions === undefined
    addSocketRoute(this, options, sockets, url, isShort ? {} : routeOptions, (isShort ? routeOptions : handler) as SocketHandler)
    return this
  })
  instance.addHook('onRoute', (route) => {
    if (route.constraints?.['upgrade'] === 'websocket') state.urls.add(route.url)
  })
  // Not found: nothing but a socket may stand at this URL.
  instance.addHook('onRequest', async (request, reply) => {
    if (request.is404 && state.urls.has(request.url)) refuseMissed(request, reply)
  })
  instance.addHook('preClose', async () => {
    state.isClosing = true
    await Promise.all(Array.from(sockets.open, closeForGood))
  })
}

function attach (instance: FastifyInstance): ServerState {
  const state: ServerState = { urls: createSocketUrls(instance), isClosing: false }
  states.set(instance.server, state)
  if (!instance.hasConstraintStrategy(upgradeConstraint.name)) {
    instance.addConstraintStrategy({ ...upgradeConstraint } as unknown as Parameters<FastifyInstance['addConstraintStrategy']>[0])
  }
  const stop = listenForUpgrades(
    instance.server as Server,
    (request, response) => {
      markUpgrade(request)
      instance.routing(request, response as unknown as FastifyReply['raw'])
    },
    (request) => state.urls.has(request.url as string))
  instance.addHook('onClose', async () => { stop() })
  return state
}

function createSocketUrls (instance: FastifyInstance): SocketUrls {
  const { routerOptions } = instance.initialConfig as { routerOptions?: Record<string, unknown> }
  // The options of Fastify's own router, so that both take the same URLs for the same.
  const router = findMyWay({ ...routerOptions })
  /* c8 ignore next -- this router is asked, and never calls */
  const nothing = (): void => {}
  return {
    add: (url) => { if (router.findRoute('GET', url) === null) router.on('GET', url, nothing) },
    has: (url) => router.find('GET', url) !== null
  }
}

function refuseMissed (request: FastifyRequest, reply: FastifyReply): void {
  if (reply.raw as unknown instanceof UpgradeResponse) {
    if (request.method === 'GET') return
    throw Object.assign(new MethodNotAllowed(request.method), { headers: { allow: 'GET' } })
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return
  if (isWebSocketUpgrade(request.headers)) throw new BadConnectionHeader()
  throw Object.assign(new UpgradeRequired(), { headers: { upgrade: 'websocket', connection: 'Upgrade' } })
}

/** Whether Fastify logs this request, which the end of its socket follows. */
function requestLogging (instance: FastifyInstance): (request: FastifyRequest) => boolean {
  const disabled: unknown = instance.initialConfig.disableRequestLogging
  if (typeof disabled === 'function') return (request) => (disabled as (request: FastifyRequest) => boolean)(request) !== true
  return () => disabled !== true
}

function closeForGood (socket: WireSocket): Promise<void> {
  return new Promise((resolve) => {
    socket._socket.once('close', () => { resolve() })
    socket.close(1001)
  })
}
