/** What to write instead of an option of `ws`, uWebSockets.js or socket.io. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['idleTimeout', 'write heartbeat: { interval, timeout }, in milliseconds'],
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
  ['cors', 'write origin, a list of the origins that may connect'],
  ['allowedOrigins', 'write origin, a list of the origins that may connect'],
  ['subprotocols', 'write protocols'],
  ['allowRequest', 'check the request in a hook, such as onRequest'],
  ['maxClients', 'write maxConnections']
])

/** Server options of `ws`, which the plugin accepts inside `options`. */
const OF_WS: ReadonlyMap<string, string> = new Map([
  ['verifyClient', 'check the request in a hook, such as onRequest'],
  ['handleProtocols', 'write protocols, a list or a function'],
  ['clientTracking', 'app.websocketServer.sockets always contains the open sockets'],
  ['noServer', 'the plugin answers the upgrades of the application'],
  ['server', 'it applies to all routes: app.register(fastifyWire, { options: { server } })'],
  ['autoPong', 'pings are always answered'],
  ['skipUTF8Validation', 'text is always validated'],
  ['allowSynchronousEvents', 'events are always synchronous']
])

const EVENTS = ['open', 'message', 'close', 'error', 'drain', 'ping', 'pong', 'upgrade', 'connection']

// The names that an object of listeners may use. 'onError' is missing, because it is a hook of Fastify.
const LISTENERS: ReadonlySet<string> = new Set([
  ...EVENTS,
  ...EVENTS.map((event) => `on${event}`),
  ...EVENTS.filter((event) => event !== 'error').map((event) => `on${event.charAt(0).toUpperCase()}${event.slice(1)}`)
])

/** Returns what to write instead of a route option that only another package has. */
export function adviseOnRouteOption (name: string): string | undefined {
  if (LISTENERS.has(name)) return "add listeners in the handler: socket.on('message', (data) => {})"
  return ADVICE.get(name) ?? OF_WS.get(name)
}

/** The same for a plugin option. */
export function adviseOnPluginOption (name: string): string | undefined {
  return ADVICE.get(name) ?? (OF_WS.has(name) ? `write options: { ${name} }` : undefined)
}

/** Whether a value is an object of listeners, such as the behavior of a uWebSockets.js route. */
export function holdsListeners (given: unknown): boolean {
  return typeof given === 'object' && given !== null &&
    Object.entries(given).some(([name, value]) => typeof value === 'function' && LISTENERS.has(name))
}
