// The types of `require('fastify-wire')`: the plugin itself, with the types of index.ts in its namespace. At run time
// it is the plugin of index.ts, by the line that entries.js writes. A namespace can only export by a list what it
// merges with where that is a function, so the plugin is declared as one.
import type {
  Accepted, AdmissionOptions, AnySocket, BackpressureOptions, BackpressurePolicy, BinaryType, BroadcastOptions,
  ClientInfo, CloseEvent, CloseReport, Counts, DeflateOptions, DropReport, Engine, EngineEvents, EnginePresence,
  EngineState, ErrorCode, ErrorEvent, ErrorReport, FastifyWire, Fault, GapReport, HandleProtocols, HeartbeatOptions,
  HistoryOptions, HistoryPage, InjectContext, InjectError, InjectHooks, LatencyMetrics, LiveMember, Member,
  MemberChoice, MemberChooser, MessageData, MessageEvent, MessageOptions, MessageRateOptions, MessageReport, OpenEvent,
  OpenReport, OriginCheck, OriginEntry, PingReport, PlainSocket, PreparedMessage, ProtocolChooser, Publication,
  PublishOptions, Published, ReadHistoryOptions, RefuseReport, RefusedMessage, Retention, RouteMetrics,
  RouteOptions, SchemaSocket, SendOptions, SendResult, Sendable, ShutdownOptions, SocketErrorHandler, SocketEvent,
  SocketFacts, SocketHandler, SocketMessages, SocketOptions, SocketRouteOptions, SocketSchema, TopicChooser,
  TopicCounts, TopicDefinition, TopicEvents, TopicHistory, TopicListener, TopicMessage, TopicPluginOptions,
  TopicRouteOptions, Topics, TopicsOptions, UpgradeReport, VerifyClient, Version, WebSocket, WebsocketHandler,
  WebsocketPluginOptions, WireMetrics, WireOptions, WireServer, WireServerEvents, WireServerOptions, WireSocket,
  WireSocketEvents
} from './index.js' with { 'resolution-mode': 'import'
  }

declare function fastifyWire (...given: Parameters<FastifyWire>): ReturnType<FastifyWire>

declare namespace fastifyWire {
  const plugin: FastifyWire
  export {
    plugin as default, plugin as fastifyWire, plugin as fastifyWebsocket,
    Accepted, AdmissionOptions, AnySocket, BackpressureOptions, BackpressurePolicy, BinaryType, BroadcastOptions,
    ClientInfo, CloseEvent, CloseReport, Counts, DeflateOptions, DropReport, Engine, EngineEvents, EnginePresence,
    EngineState, ErrorCode, ErrorEvent, ErrorReport, FastifyWire, Fault, GapReport, HandleProtocols,
    HeartbeatOptions, HistoryOptions, HistoryPage, InjectContext, InjectError, InjectHooks, LatencyMetrics,
    LiveMember, Member, MemberChoice, MemberChooser, MessageData, MessageEvent, MessageOptions, MessageRateOptions,
    MessageReport,
    OpenEvent, OpenReport, OriginCheck, OriginEntry, PingReport, PlainSocket, PreparedMessage, ProtocolChooser,
    Publication, PublishOptions, Published, ReadHistoryOptions, RefuseReport, RefusedMessage, Retention,
    RouteMetrics, RouteOptions, SchemaSocket, SendOptions, SendResult, Sendable, ShutdownOptions,
    SocketErrorHandler, SocketEvent, SocketFacts, SocketHandler, SocketMessages, SocketOptions, SocketRouteOptions,
    SocketSchema, TopicChooser, TopicCounts, TopicDefinition, TopicEvents, TopicHistory, TopicListener,
    TopicMessage, TopicPluginOptions, TopicRouteOptions, Topics, TopicsOptions, UpgradeReport, VerifyClient,
    Version, WebSocket, WebsocketHandler, WebsocketPluginOptions, WireMetrics, WireOptions, WireServer,
    WireServerEvents, WireServerOptions, WireSocket, WireSocketEvents
  }
}

export = fastifyWire
