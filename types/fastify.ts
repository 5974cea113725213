import type {
  ContextConfigDefault, FastifyBaseLogger, FastifySchema as RouteSchema, FastifyTypeProvider,
  FastifyTypeProviderDefault, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase, RawServerDefault,
  RouteGenericInterface
} from 'fastify'
import type { SocketHandler, SocketRouteOptions, SocketSchema } from '../lib/options/declaration.js'
import type { WireServer } from '../lib/server/server.js'
import type { Topics } from '../lib/topics/topics.js'
import type { InjectContext, InjectHooks } from '../lib/inject/inject.js'
import type { WebsocketHandler } from './drop-in.js'
import type {
  GenericRouteOptions, GenericSocketHandler, SchemaRouteOptions, SchemaSocketHandler, SocketGeneric
} from './routes.js'
import type { PlainSocket } from '../lib/socket/typed-socket.js'

declare module 'fastify' {
  // A merged declaration must repeat the type parameters of Fastify.
  /* eslint-disable @typescript-eslint/no-unused-vars */
  interface FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider> {
    /**
     * Declares a WebSocket route. Another route may serve GET requests at the same URL.
     * @throws BadOption, HandlerMissing, and the errors of `app.route()`
     */
    ws (url: string, handler: SocketHandler): this
    /** `Generic` has the types of the request, as for `app.get()`, and `Received` and `Sent` for messages. */
    ws<Generic extends SocketGeneric> (url: string, handler: GenericSocketHandler<Generic>): this
    /** With a schema, the type provider infers the types of the socket and the request. */
    ws<const Schema extends SocketSchema, const OnBinary extends 'refuse' | 'pass' = 'refuse'> (
      url: string,
      options: SchemaRouteOptions<RawServer, RawRequest, RawReply, Logger, TypeProvider, Schema, OnBinary>,
      handler: SchemaSocketHandler<RawServer, RawRequest, Logger, TypeProvider, Schema, OnBinary>
    ): this
    ws (url: string, options: SocketRouteOptions, handler: SocketHandler): this
    ws<Generic extends SocketGeneric> (
      url: string, options: GenericRouteOptions<Generic>, handler: GenericSocketHandler<Generic>
    ): this

    /** The sockets of this registration: counters, broadcasts, and the server API of `ws`. */
    websocketServer: WireServer

    /** The topics of this registration. */
    topics: Topics

    /**
     * Opens a socket in memory, for tests. Received messages wait for a listener.
     * @throws InjectError, with the status, headers and body of the answer, if the server refuses the handshake
     */
    injectWS: InjectWSFn<RawRequest>

    // With `websocket: true`, `handler` handles the socket.
    route<
      RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends RouteSchema = RouteSchema
    > (
      options: Omit<
        RouteOptions<
          RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
        >,
        'handler' | 'websocket'
      > & {
        websocket: true
        handler: WebsocketHandler<
          RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
        >
      }
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>
  }

  interface InjectWSOption extends InjectHooks {}

  type InjectWSFn<RawRequest> = (
    path?: string, context?: InjectContext | Partial<RawRequest>, hooks?: InjectWSOption
  ) => Promise<PlainSocket>

  interface RequestGenericInterface {
    /** The type of `socket.data`, for the socket of a route. */
    Data?: unknown
  }

  interface FastifyRequest {
    /** Whether the request is a WebSocket upgrade. */
    ws: boolean
  }

  interface RouteShorthandOptions<RawServer extends RawServerBase = RawServerDefault> {
    /** Whether the handler handles sockets, as in @fastify/websocket. Default false. */
    websocket?: boolean
  }

  interface RouteShorthandMethod<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > {
    <
      RequestGeneric extends RequestGenericInterface = RequestGenericInterface,
      ContextConfig = ContextConfigDefault,
      SchemaCompiler extends RouteSchema = RouteSchema,
      InnerLogger extends Logger = Logger
    > (
      path: string,
      options: RouteShorthandOptions<
        RawServer, RawRequest, RawReply, RequestGeneric, ContextConfig, SchemaCompiler, TypeProvider, InnerLogger
      > & { websocket: true },
      handler?: WebsocketHandler<
        RawServer, RawRequest, RequestGeneric, ContextConfig, SchemaCompiler, TypeProvider, InnerLogger
      >
    ): FastifyInstance<RawServer, RawRequest, RawReply, InnerLogger, TypeProvider>
  }

  interface RouteOptions<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
    ContextConfig = ContextConfigDefault,
    SchemaCompiler = RouteSchema,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > {
    /** Handles the sockets at this URL, beside `handler` for other requests, as in @fastify/websocket. */
    wsHandler?: WebsocketHandler<
      RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler & RouteSchema, TypeProvider, Logger
    >
  }
}
