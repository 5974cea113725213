/** What to write in place of an option of `ws`, uWebSockets.js or socket.io. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['idleTimeout', 'write heartbeat: { interval, timeout }, in milliseconds, which cuts silent peers'],
  ['pingInterval', 'write heartbeat: { interval }, in milliseconds'],
  ['pingTimeout', 'write heartbeat: { timeout }, in milliseconds'],
  ['sendPingsAutomatically', 'write heartbeat: false to send no pings'],
  ['heartbeatInterval', 'write heartbeat: { interval }, in milliseconds'],
  ['heartbeatTimeout', 'write heartbeat: { timeout }, in milliseconds'],
  ['keepAlive', 'write heartbeat: { interval, timeout }, in milliseconds'],
  ['keepAliveInterval', 'write heartbeat: { interval }, in milliseconds'],
  ['maxPayloadLength', 'write maxPayload, in bytes'],
  ['maxMessageSize', 'write maxPayload, in bytes'],
  ['maxHttpBufferSize', 'write maxPayload, in bytes'],
  ['maxBackpressure', 'write backpressure: { limit }, in bytes'],
  ['closeOnBackpressureLimit', "write backpressure: { policy: 'close' }, which is the default"],
  ['compression', 'write perMessageDeflate: true'],
  ['connectTimeout', 'write handshakeTimeout, in milliseconds'],
  ['upgradeTimeout', 'write handshakeTimeout, in milliseconds'],
  ['cors', 'write origin, the list of origins whose pages may connect'],
  ['allowedOrigins', 'write origin, the list of origins whose pages may connect'],
  ['subprotocols', 'write protocols'],
  ['allowRequest', 'a hook decides who may connect, such as onRequest'],
  ['maxClients', 'write maxConnections']
])

/** Options of the server of `ws`, which the plugin takes within `options`. */
const OF_WS: ReadonlyMap<string, string> = new Map([
  ['verifyClient', 'a hook decides who may connect, such as onRequest'],
  ['handleProtocols', 'write protocols, a list or a function'],
  ['clientTracking', 'app.websocketServer.sockets always has the open sockets'],
  ['noServer', 'the plugin answers the upgrades of a server'],
  ['server', 'it is for all routes: app.register(fastifyWire, { options: { server } })'],
  ['autoPong', 'a ping is always answered'],
  ['skipUTF8Validation', 'text is always checked'],
  ['allowSynchronousEvents', 'events are always synchronous']
])

const EVENTS = ['open', 'message', 'close', 'error', 'drain', 'ping', 'pong', 'upgrade', 'connection']

// As an object of handlers names them; onError is a hook of Fastify's routes.
const LISTENERS: ReadonlySet<string> = new Set([
  ...EVENTS,
  ...EVENTS.map((event) => `on${event}`),
  ...EVENTS.filter((event) => event !== 'error').map((event) => `on${event.charAt(0).toUpperCase()}${event.slice(1)}`)
])

/** What to write in place of an option of a route that another package has and this plugin has not. */
export function adviseOnRouteOption (name: string): string | undefined {
  if (LISTENERS.has(name)) return "listeners are added in the handler, as in socket.on('message', (data) => {})"
  return ADVICE.get(name) ?? OF_WS.get(name)
}

/** The same for an option of the plugin. */
export function adviseOnPluginOption (name: string): string | undefined {
  return ADVICE.get(name) ?? (OF_WS.has(name) ? `write options: { ${name} }` : undefined)
}

/** Whether something is an object of listeners, such as the behavior of a route of uWebSockets.js. */
export function holdsListeners (given: unknown): boolean {
  return typeof given === 'object' && given !== null &&
    Object.entries(given).some(([name, value]) => typeof value === 'function' && LISTENERS.has(name))
}
