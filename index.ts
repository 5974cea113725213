export {
  fastifyWire as default, fastifyWire, fastifyWire as fastifyWebsocket, type FastifyWire
} from './fastify-wire.js'
// An export, because an `import type` would be removed from the declarations, and the module augmentation with it.
export type * from './types/fastify.js'
export type { SocketHandler, SocketRouteOptions, SocketSchema } from './lib/options/declaration.js'
export type {
  AdmissionOptions, MessageRateOptions, OriginCheck, OriginEntry, BackpressureOptions, HeartbeatOptions,
  ShutdownOptions, ProtocolChooser, SocketErrorHandler, SocketOptions, WireOptions
} from './lib/options/options.js'
export type {
  CloseReport, DropReport, ErrorReport, MessageReport, OpenReport, PingReport, RefuseReport, SocketFacts, UpgradeReport
} from './lib/socket/reports.js'
export type { GapReport } from './lib/diagnostics.js'
export type {
  Accepted, Engine, EngineEvents, EnginePresence, EngineState, HistoryPage, Member, Publication, Retention, TopicMessage
} from './lib/engine/engine.js'
export type {
  MemberChoice, MemberChooser, TopicChooser, TopicPluginOptions, TopicRouteOptions, TopicsOptions
} from './lib/options/topics.js'
export type { TopicCounts } from './lib/server/metrics.js'
export type { Published, PublishOptions } from './lib/socket/topics.js'
export type { LiveMember } from './lib/topics/frames.js'
export type { TopicListener } from './lib/topics/local-topic.js'
export type {
  HistoryOptions, ReadHistoryOptions, TopicDefinition, TopicEvents, TopicHistory, Topics
} from './lib/topics/topics.js'
export type { Counts, LatencyMetrics, RouteMetrics, WireMetrics } from './lib/server/metrics.js'
export type { PreparedMessage } from './lib/codec/prepared-message.js'
export type { ErrorCode } from './lib/error-code.js'
export type { Fault, RefusedMessage } from './lib/errors.js'
export type {
  BroadcastOptions, ClientInfo, HandleProtocols, MessageOptions, VerifyClient, WireServer, WireServerEvents,
  WireServerOptions
} from './lib/server/server.js'
export type { InjectContext, InjectError, InjectHooks } from './lib/inject/inject.js'
export type { Version } from './lib/versions.js'
export type { CloseEvent, ErrorEvent, MessageEvent, OpenEvent, SocketEvent } from './lib/socket/socket.js'
export type { DeflateOptions } from './lib/deflate/settings.js'
export type { BinaryType, MessageData, Sendable } from './lib/socket/sendable.js'
export type { BackpressurePolicy } from './lib/socket/backpressure.js'
export type { SendResult } from './lib/socket/sender.js'
export type { SendOptions, WireSocket, WireSocketEvents } from './lib/socket/socket.js'
export type { AnySocket, PlainSocket, SchemaSocket, SocketMessages } from './lib/socket/typed-socket.js'
export type { RouteOptions, WebSocket, WebsocketHandler, WebsocketPluginOptions } from './types/drop-in.js'
