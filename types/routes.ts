import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifyTypeProvider,
  RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase, RawServerDefault, RequestGenericInterface,
  RouteGenericInterface, RouteShorthandOptions
} from 'fastify'
import type { SocketOptions } from '../lib/options/options.js'
import type { NotForSockets, SocketSchema } from '../lib/options/declaration.js'
import type { MessageData, Sendable } from '../lib/socket/sendable.js'
import type { PlainSocket, SchemaSocket, SocketMessages, WithData } from '../lib/socket/typed-socket.js'

/** The type argument of `app.ws<…>()`: Fastify's types of the request, `Received` and `Sent`, and `Data`. */
export type SocketGeneric = RequestGenericInterface & Partial<SocketMessages>

type ReceivedBy<TypeProvider extends FastifyTypeProvider, Schema, OnBinary> = Schema extends { message: infer Message }
  ? (TypeProvider & { schema: Message })['validator'] | (OnBinary extends 'pass' ? Buffer : never)
  : MessageData

type SentBy<TypeProvider extends FastifyTypeProvider, Schema> = Schema extends { send: infer Send }
  ? (TypeProvider & { schema: Send })['serializer']
  : Sendable | Blob

/** The socket of a route with a schema, with types from the type provider. */
export type SocketOf<TypeProvider extends FastifyTypeProvider, Schema, OnBinary = 'refuse'> =
  Schema extends { message: unknown } | { send: unknown }
    ? SchemaSocket<ReceivedBy<TypeProvider, Schema, OnBinary>, SentBy<TypeProvider, Schema>>
    : PlainSocket

/** Handles the sockets of a route with a schema. `this` is the instance on which the route was declared. */
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
  request: FastifyRequest<
    RouteGenericInterface, RawServer, RawRequest, Schema, TypeProvider, ContextConfigDefault, Logger
  >
) => void | Promise<void>

/** The socket of a route with a type argument. */
type SocketOfGeneric<Generic> = WithData<
  Generic extends { Received: unknown } | { Sent: unknown }
    ? SchemaSocket<
        Generic extends { Received: infer Received } ? Received : MessageData,
        Generic extends { Sent: infer Sent } ? Sent : Sendable
      >
    : PlainSocket,
  Generic
>

/** Handles the sockets of a route with a type argument. */
export type GenericSocketHandler<Generic extends SocketGeneric> =
  (this: FastifyInstance, socket: SocketOfGeneric<Generic>, request: FastifyRequest<Generic>) => void | Promise<void>

/** The options of a route with a type argument, which also types its hooks. */
export type GenericRouteOptions<Generic extends SocketGeneric> =
  SocketOptions &
  Omit<
    RouteShorthandOptions<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, Generic>,
    NotForSockets
  > &
  { schema?: SocketSchema }

/** The options of a route with a schema, from which the type provider also types its hooks. */
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
  Omit<
    RouteShorthandOptions<
      RawServer, RawRequest, RawReply, RouteGenericInterface, ContextConfigDefault, Schema, TypeProvider, Logger
    >,
    NotForSockets
  > &
  { schema: Schema, onBinary?: OnBinary }
