import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifyTypeProvider, RawReplyDefaultExpression,
  RawRequestDefaultExpression, RawServerBase, RawServerDefault, RequestGenericInterface, RouteGenericInterface, RouteShorthandOptions
} from 'fastify'
import type { SocketOptions } from '../lib/options/options.js'
import type { SocketSchema } from '../lib/options/declaration.js'
import type { MessageData, Sendable } from '../lib/socket/sendable.js'
import type { PlainSocket, SchemaSocket, SocketMessages, WithData } from '../lib/socket/typed-socket.js'

/** What `app.ws<…>()` takes: the types of the request, as in Fastify, those of the messages, and `Data` for `socket.data`. */
export type SocketGeneric = RequestGenericInterface & Partial<SocketMessages>

type ReceivedBy<TypeProvider extends FastifyTypeProvider, Schema, OnBinary> = Schema extends { message: infer PreparedMessage }
  ? (TypeProvider & { schema: PreparedMessage })['validator'] | (OnBinary extends 'pass' ? Buffer : never)
  : MessageData

type SentBy<TypeProvider extends FastifyTypeProvider, Schema> = Schema extends { send: infer Send }
  ? (TypeProvider & { schema: Send })['serializer']
  : Sendable | Blob

/** The socket of a route with a schema, typed by its type provider. */
export type SocketOf<TypeProvider extends FastifyTypeProvider, Schema, OnBinary = 'refuse'> =
  Schema extends { message: unknown } | { send: unknown }
    ? SchemaSocket<ReceivedBy<TypeProvider, Schema, OnBinary>, SentBy<TypeProvider, Schema>>
    : PlainSocket

/** Handles the sockets of a route with a schema; `this` is the instance on which the route was declared. */
export type SchemaSocketHandler<
  RawServer extends RawServerBase,
  RawRequest extends RawRequestDefaultExpression<RawServer>,
  Logger extends FastifyBaseLogger,
  TypeProvider extends FastifyTypeProvider,
  Schema extends SocketSchema,
  OnBinary
> = (
  this: FastifyInstance,
  socket: SocketOf<TypeProvider, Schema, OnBinary>,
  request: FastifyRequest<RouteGenericInterface, RawServer, RawRequest, Schema, TypeProvider, ContextConfigDefault, Logger>
) => void | Promise<void>

/** The socket of a route whose types are given. */
type SocketOfGeneric<Generic> = WithData<
  Generic extends { Received: unknown } | { Sent: unknown }
    ? SchemaSocket<
        Generic extends { Received: infer Received } ? Received : MessageData,
        Generic extends { Sent: infer Sent } ? Sent : Sendable
      >
    : PlainSocket,
  Generic
>

/** Handles the sockets of a route whose types are given. */
export type GenericSocketHandler<Generic extends SocketGeneric> =
  (this: FastifyInstance, socket: SocketOfGeneric<Generic>, request: FastifyRequest<Generic>) => void | Promise<void>

type NotOfSockets = 'errorHandler' | 'exposeHeadRoute' | 'bodyLimit' | 'websocket' | 'schema'

/** The options of a route whose types are given: its hooks have them too. */
export type GenericRouteOptions<Generic extends SocketGeneric> =
  SocketOptions &
  Omit<RouteShorthandOptions<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, Generic>, NotOfSockets> &
  { schema?: SocketSchema }

/** The options of a route with a schema: its hooks have the types that the type provider makes of it. */
export type SchemaRouteOptions<
  RawServer extends RawServerBase,
  RawRequest extends RawRequestDefaultExpression<RawServer>,
  RawReply extends RawReplyDefaultExpression<RawServer>,
  Logger extends FastifyBaseLogger,
  TypeProvider extends FastifyTypeProvider,
  Schema extends SocketSchema,
  OnBinary
> =
  Omit<SocketOptions, 'onBinary'> &
  Omit<RouteShorthandOptions<RawServer, RawRequest, RawReply, RouteGenericInterface, ContextConfigDefault, Schema, TypeProvider, Logger>, NotOfSockets> &
  { schema: Schema, onBinary?: OnBinary }
