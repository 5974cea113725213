import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifyTypeProvider, RawReplyDefaultExpression,
  RawRequestDefaultExpression, RawServerBase, RawServerDefault, RequestGenericInterface, RouteGenericInterface, RouteShorthandOptions
} from 'fastify'
import type { PreparedMessage } from '../lib/codec/prepared-message.js'
import type { SocketOptions } from '../lib/options/resolve.js'
import type { SocketSchema } from '../lib/routes/schema.js'
import type { MessageData, Sendable } from '../lib/socket/sendable.js'
import type { SendResult } from '../lib/socket/sender.js'
import type {
  MessageEvent, SendOptions, SocketEventHandler, SocketEventListener, SocketEventType, WireSocket, WireSocketEvents
} from '../lib/socket/socket.js'
import type { ListenerOptions } from '../lib/socket/event-target.js'
import type { WriteCallback } from '../lib/transport/transport.js'

/** Listeners of a socket, for the events that do not depend on a schema. */
type Faces =
  | 'send' | 'sent' | 'on' | 'once' | 'off' | 'addListener' | 'removeListener' | 'prependListener' | 'prependOnceListener'
  | 'addEventListener' | 'removeEventListener' | 'onmessage' | typeof Symbol.asyncIterator

type Events<Received> = Omit<WireSocketEvents, 'message'> & { message: [value: Received, isBinary: boolean] }

interface ValueEvent<Received> extends Omit<MessageEvent, 'data'> {
  readonly data: Received
}

type ValueListener<Received> = ((event: ValueEvent<Received>) => unknown) | { handleEvent (event: ValueEvent<Received>): unknown }

type OtherEventType = Exclude<SocketEventType, 'message'>

type Listener<Name extends keyof WireSocketEvents, Received> = (...args: Events<Received>[Name]) => void

/** The types of the messages of a route, where no type provider tells them. */
export interface SocketMessages {
  Received: unknown
  Sent: unknown
}

/** A socket whose `data` has the type that a route gives as `Data`. */
export type WithData<Socket, Generic> = Generic extends { Data: infer Data } ? Socket & { data: Data } : Socket

/** What `app.ws<…>()` takes: the types of the request, as in Fastify, those of the messages, and `Data` for `socket.data`. */
export type SocketGeneric = RequestGenericInterface & Partial<SocketMessages>

/** What both kinds of socket have: those of a route with a schema for its messages, and those of any other. */
export interface AnySocket extends Omit<WireSocket, Faces> {}

/** The socket of a route without schemas for its messages: a WireSocket whose messages are text or bytes. */
export interface PlainSocket extends WireSocket {
  /** The messages, one at a time: text as a string, binary as a Buffer. */
  [Symbol.asyncIterator] (): AsyncIterableIterator<string | Buffer>
}

/**
 * A socket of a route with `schema.message` or `schema.send`: a WireSocket whose messages are values. It goes where a
 * WireSocket is asked for, as into a `Set<WireSocket>`; by that type its messages are not checked.
 */
export interface SchemaSocket<Received = unknown, Sent = unknown> extends WireSocket {
  /**
   * Sends a value as `schema.send` says. A message of `app.websocketServer.prepare()`, and data with `{ binary }`, go as they are.
   * @throws ValueNotSent where the value does not match and there is no callback
   */
  send (value: Sent | PreparedMessage, callback?: WriteCallback): SendResult
  send (value: Sent | PreparedMessage, options: Pick<SendOptions, 'compress' | 'kind'> | undefined, callback?: WriteCallback): SendResult
  send (data: Sendable | Blob, options: SendOptions & { binary: boolean }, callback?: WriteCallback): SendResult

  /** Sends the same, and resolves when it has left. */
  sent (value: Sent | PreparedMessage, options?: Pick<SendOptions, 'compress' | 'kind'>): Promise<void>
  sent (data: Sendable | Blob, options: SendOptions & { binary: boolean }): Promise<void>

  on<Name extends keyof WireSocketEvents> (event: Name, listener: Listener<Name, Received>): this
  once<Name extends keyof WireSocketEvents> (event: Name, listener: Listener<Name, Received>): this
  off<Name extends keyof WireSocketEvents> (event: Name, listener: Listener<Name, Received>): this
  addListener<Name extends keyof WireSocketEvents> (event: Name, listener: Listener<Name, Received>): this
  removeListener<Name extends keyof WireSocketEvents> (event: Name, listener: Listener<Name, Received>): this
  prependListener<Name extends keyof WireSocketEvents> (event: Name, listener: Listener<Name, Received>): this
  prependOnceListener<Name extends keyof WireSocketEvents> (event: Name, listener: Listener<Name, Received>): this

  addEventListener (type: 'message', listener: ValueListener<Received>, options?: ListenerOptions): void
  addEventListener<Type extends OtherEventType> (type: Type, listener: SocketEventListener<Type>, options?: ListenerOptions): void
  removeEventListener (type: 'message', listener: ValueListener<Received>): void
  removeEventListener<Type extends OtherEventType> (type: Type, listener: SocketEventListener<Type>): void
  get onmessage (): SocketEventHandler<'message'> | null
  set onmessage (listener: ValueListener<Received> | null)

  /** The values, one at a time. */
  [Symbol.asyncIterator] (): AsyncIterableIterator<Received>
}

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
