import fp from 'fastify-plugin'
import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyPluginAsync, FastifySchema, FastifyTypeProvider, FastifyTypeProviderDefault,
  RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase, RawServerDefault, RequestGenericInterface, RouteGenericInterface
} from 'fastify'
import type { WireOptions } from './lib/options/options.js'
import { plugin } from './lib/plugin.js'
import type * as dropin from './types/drop-in.js'

/** The plugin, with the names under which `require()` finds it. */
export interface FastifyWire extends FastifyPluginAsync<WireOptions> {
  readonly default: FastifyWire
  readonly fastifyWire: FastifyWire
  readonly fastifyWebsocket: FastifyWire
}

/** WebSocket routes for Fastify: `await app.register(fastifyWire)`, then `app.ws('/demo', (socket, request) => {})`. */
export const fastifyWire = fp(plugin, { fastify: '5.x', name: 'fastify-wire' }) as unknown as FastifyWire

// For `const { fastifyWebsocket } = require(…)`; fastify-plugin gives it the other two names.
Object.assign(fastifyWire, { fastifyWebsocket: fastifyWire })

// The types that @fastify/websocket has on its default import, for `fastifyWebsocket.WebSocket`. Nothing but a namespace
// can be named so; this one holds types alone, and nothing of it is left at run time.
// eslint-disable-next-line @typescript-eslint/no-redeclare -- a namespace of types beside a value is a merge
export declare namespace fastifyWire {
  export type WebSocket = dropin.WebSocket
  export type WebsocketPluginOptions = dropin.WebsocketPluginOptions
  export type WebsocketHandler<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RequestGeneric extends RequestGenericInterface = RequestGenericInterface,
    ContextConfig = ContextConfigDefault,
    SchemaCompiler extends FastifySchema = FastifySchema,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > = dropin.WebsocketHandler<RawServer, RawRequest, RequestGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
  export type RouteOptions<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
    ContextConfig = ContextConfigDefault,
    SchemaCompiler extends FastifySchema = FastifySchema,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > = dropin.RouteOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
}
