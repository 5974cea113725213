import fp from 'fastify-plugin'
import type { FastifyPluginAsync } from 'fastify'
import type { WireOptions } from './lib/options.js'
import { plugin } from './lib/plugin.js'

/** WebSocket routes for Fastify: `await app.register(fastifyWire)`, then `app.ws('/demo', (socket, request) => {})`. */
const fastifyWire: FastifyPluginAsync<WireOptions> = fp(plugin, { fastify: '5.x', name: 'fastify-wire' })

// For `const { fastifyWebsocket } = require(…)`.
Object.assign(fastifyWire, { fastifyWebsocket: fastifyWire })

export { fastifyWire as default, fastifyWire, fastifyWire as fastifyWebsocket, fastifyWire as 'module.exports' }
// Not an import of types alone: that would not be in the declarations of the package, and what it adds to Fastify neither.
export type * from './types/fastify.js'
export type { SocketHandler } from './lib/accept.js'
export type { AdmissionOptions, MessageRateOptions, OriginCheck, OriginEntry } from './lib/options/admission.js'
export type { BackpressureOptions, HeartbeatOptions, ShutdownOptions } from './lib/options/life.js'
export type { ProtocolChooser, SocketErrorHandler, SocketOptions, WireOptions } from './lib/options.js'
export type {
  CloseReport, DropReport, ErrorReport, MessageReport, OpenReport, PingReport, RefuseReport, SocketFacts, UpgradeReport
} from './lib/diagnostics.js'
export type { Counts, LatencyMetrics, RouteMetrics, WireMetrics } from './lib/metrics.js'
export type { SocketRouteOptions } from './lib/routes.js'
export type { SocketSchema } from './lib/schema.js'
export type { Message as PreparedMessage } from './lib/codec/message.js'
export type { Fault, RefusedMessage } from './lib/errors.js'
export type { BroadcastOptions, ClientInfo, HandleProtocols, MessageOptions, VerifyClient, WireServer, WireServerEvents, WireServerOptions } from './lib/server.js'
export type { InjectContext, InjectError, InjectHooks } from './lib/upgrade/inject.js'
export type { Version } from './lib/protocol/protocol.js'
export type { CloseEvent, ErrorEvent, MessageEvent, OpenEvent, SocketEvent } from './lib/socket/events.js'
export type { DeflateOptions } from './lib/options/deflate.js'
export type { BinaryType, MessageData, Sendable } from './lib/socket/data.js'
export type { BackpressurePolicy } from './lib/socket/backpressure.js'
export type { SendResult } from './lib/socket/sending.js'
export type { SendOptions, WireSocket, WireSocketEvents } from './lib/socket/socket.js'
export type { AnySocket, SchemaSocket, SocketMessages } from './types/schema.js'
export type { RouteOptions, WebSocket, WebsocketHandler, WebsocketPluginOptions } from './types/dropin.js'
