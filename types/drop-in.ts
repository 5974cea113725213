// The names that @fastify/websocket exports.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifySchema, FastifyTypeProvider,
  FastifyTypeProviderDefault, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase, RawServerDefault,
  RequestGenericInterface, RouteGenericInterface, RouteOptions as FastifyRouteOptions
} from 'fastify'
import type { WireOptions } from '../lib/options/options.js'
import type { WithData } from '../lib/socket/typed-socket.js'
import type { WebSocket } from '../lib/socket/ws-socket.js'

export type { WebSocket }

export type WebsocketPluginOptions = WireOptions

/**
 * Handles the sockets of a route with `{ websocket: true }` or a `wsHandler`. It is the type of a method, so that
 * parameters may have narrower types: a WireSocket, or a socket with fields of the application.
 */
export type WebsocketHandler<
  RawServer extends RawServerBase = RawServerDefault,
  RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
  RequestGeneric extends RequestGenericInterface = RequestGenericInterface,
  ContextConfig = ContextConfigDefault,
  SchemaCompiler extends FastifySchema = FastifySchema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  Logger extends FastifyBaseLogger = FastifyBaseLogger
> = {
  handle (
    this: FastifyInstance<Server, IncomingMessage, ServerResponse>,
    socket: WithData<WebSocket, RequestGeneric>,
    request: FastifyRequest<RequestGeneric, RawServer, RawRequest, SchemaCompiler, TypeProvider, ContextConfig, Logger>
  ): void | Promise<unknown>
}['handle']

/** The options of a full declaration. */
export interface RouteOptions<
  RawServer extends RawServerBase = RawServerDefault,
  RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
  RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
  RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
  ContextConfig = ContextConfigDefault,
  SchemaCompiler extends FastifySchema = FastifySchema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  Logger extends FastifyBaseLogger = FastifyBaseLogger
> extends FastifyRouteOptions<
    RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
  > {}
