// What `require('fastify-wire')` gives: the plugin itself, with the types of index.ts in its namespace. It is built beside the
// CommonJS of index.ts, and `import` gets its plugin from here too.
import index = require('./index.js')
import type {
  ContextConfigDefault, FastifyBaseLogger, FastifySchema, FastifyTypeProvider, FastifyTypeProviderDefault,
  RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase, RawServerDefault, RequestGenericInterface, RouteGenericInterface
} from 'fastify'
import type * as wire from './index.js' with { 'resolution-mode': 'import' }

const fastifyWire: wire.FastifyWire = index.default

// eslint-disable-next-line @typescript-eslint/no-redeclare -- a namespace of types beside a value is a merge
declare namespace fastifyWire {
  export type AdmissionOptions = wire.AdmissionOptions
  export type AnySocket = wire.AnySocket
  export type BackpressureOptions = wire.BackpressureOptions
  export type BackpressurePolicy = wire.BackpressurePolicy
  export type BinaryType = wire.BinaryType
  export type BroadcastOptions = wire.BroadcastOptions
  export type ClientInfo = wire.ClientInfo
  export type CloseEvent = wire.CloseEvent
  export type CloseReport = wire.CloseReport
  export type Counts = wire.Counts
  export type DeflateOptions = wire.DeflateOptions
  export type DropReport = wire.DropReport
  export type ErrorEvent = wire.ErrorEvent
  export type ErrorReport = wire.ErrorReport
  export type FastifyWire = wire.FastifyWire
  export type Fault = wire.Fault
  export type HandleProtocols = wire.HandleProtocols
  export type HeartbeatOptions = wire.HeartbeatOptions
  export type InjectContext = wire.InjectContext
  export type InjectError = wire.InjectError
  export type InjectHooks = wire.InjectHooks
  export type LatencyMetrics = wire.LatencyMetrics
  export type MessageData = wire.MessageData
  export type MessageEvent = wire.MessageEvent
  export type MessageOptions = wire.MessageOptions
  export type MessageRateOptions = wire.MessageRateOptions
  export type MessageReport = wire.MessageReport
  export type OpenEvent = wire.OpenEvent
  export type OpenReport = wire.OpenReport
  export type OriginCheck = wire.OriginCheck
  export type OriginEntry = wire.OriginEntry
  export type PingReport = wire.PingReport
  export type PlainSocket = wire.PlainSocket
  export type PreparedMessage = wire.PreparedMessage
  export type ProtocolChooser = wire.ProtocolChooser
  export type RefuseReport = wire.RefuseReport
  export type RefusedMessage = wire.RefusedMessage
  export type RouteMetrics = wire.RouteMetrics
  export type SendOptions = wire.SendOptions
  export type SendResult = wire.SendResult
  export type Sendable = wire.Sendable
  export type ShutdownOptions = wire.ShutdownOptions
  export type SocketErrorHandler = wire.SocketErrorHandler
  export type SocketFacts = wire.SocketFacts
  export type SocketHandler = wire.SocketHandler
  export type SocketMessages = wire.SocketMessages
  export type SocketOptions = wire.SocketOptions
  export type SocketRouteOptions = wire.SocketRouteOptions
  export type SocketSchema = wire.SocketSchema
  export type UpgradeReport = wire.UpgradeReport
  export type VerifyClient = wire.VerifyClient
  export type Version = wire.Version
  export type WebSocket = wire.WebSocket
  export type WebsocketPluginOptions = wire.WebsocketPluginOptions
  export type WireMetrics = wire.WireMetrics
  export type WireOptions = wire.WireOptions
  export type WireServer = wire.WireServer
  export type WireServerEvents = wire.WireServerEvents
  export type WireServerOptions = wire.WireServerOptions
  export type WireSocket = wire.WireSocket
  export type WireSocketEvents = wire.WireSocketEvents
  export type SchemaSocket<Received = unknown, Sent = unknown> = wire.SchemaSocket<Received, Sent>
  export type SocketEvent<Type extends string = string> = wire.SocketEvent<Type>
  export type WebsocketHandler<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RequestGeneric extends RequestGenericInterface = RequestGenericInterface,
    ContextConfig = ContextConfigDefault,
    SchemaCompiler extends FastifySchema = FastifySchema,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > = wire.WebsocketHandler<RawServer, RawRequest, RequestGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
  export type RouteOptions<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
    ContextConfig = ContextConfigDefault,
    SchemaCompiler extends FastifySchema = FastifySchema,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > = wire.RouteOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
}

export = fastifyWire
