import type { PreparedMessage } from '../codec/prepared-message.js'
import type { WriteCallback } from '../transport/transport.js'
import type { ListenerOptions } from './event-target.js'
import type { SocketEventHandler, SocketEventType } from './events.js'
import type { Sendable } from './sendable.js'
import type { SendResult } from './sender.js'
import type { MessageEvent, SendOptions, SocketEventListener, WireSocket, WireSocketEvents } from './socket.js'

/** The members whose types depend on the schema. */
type Faces =
  | 'send' | 'sent'
  | 'on' | 'once' | 'off' | 'addListener' | 'removeListener' | 'prependListener' | 'prependOnceListener'
  | 'addEventListener' | 'removeEventListener' | 'onmessage' | typeof Symbol.asyncIterator

type Events<Received> = Omit<WireSocketEvents, 'message'> & { message: [value: Received, isBinary: boolean] }

interface ValueEvent<Received> extends Omit<MessageEvent, 'data'> {
  readonly data: Received
}

type ValueListener<Received> =
  | ((event: ValueEvent<Received>) => unknown)
  | { handleEvent (event: ValueEvent<Received>): unknown }

type OtherEventType = Exclude<SocketEventType, 'message'>

type Listener<Name extends keyof WireSocketEvents, Received> = (...args: Events<Received>[Name]) => void

/** The types of the messages of a route without a type provider. */
export interface SocketMessages {
  Received: unknown
  Sent: unknown
}

/** A socket whose `data` has the type `Data` of its route. */
export type WithData<Socket, Generic> = Generic extends { Data: infer Data } ? Socket & { data: Data } : Socket

/** The members that are the same in sockets with and without a schema. */
export interface AnySocket extends Omit<WireSocket, Faces> {}

/** The socket of a route without message schemas: its messages are text or bytes. */
export interface PlainSocket extends WireSocket {
  /** Iterates over the messages: text as strings, binary as Buffers. */
  [Symbol.asyncIterator] (): AsyncIterableIterator<string | Buffer>
}

/**
 * The socket of a route with `schema.message` or `schema.send`: its messages are values. It is assignable to
 * WireSocket, for example in a `Set<WireSocket>`, but that type does not check its messages.
 */
export interface SchemaSocket<Received = unknown, Sent = unknown> extends WireSocket {
  /**
   * Sends a value, serialized by `schema.send`. Messages of `app.websocketServer.prepare()` and data with `{ binary }`
   * are sent unchanged.
   * @throws ValueNotSent if the value does not match and there is no callback
   */
  send (value: Sent | PreparedMessage, callback?: WriteCallback): SendResult
  send (
    value: Sent | PreparedMessage, options: Pick<SendOptions, 'compress' | 'kind'> | undefined, callback?: WriteCallback
  ): SendResult
  send (data: Sendable | Blob, options: SendOptions & { binary: boolean }, callback?: WriteCallback): SendResult

  /** Like `send()`, but resolves when the message has been sent. */
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
  addEventListener<Type extends OtherEventType> (
    type: Type, listener: SocketEventListener<Type>, options?: ListenerOptions
  ): void
  removeEventListener (type: 'message', listener: ValueListener<Received>): void
  removeEventListener<Type extends OtherEventType> (type: Type, listener: SocketEventListener<Type>): void
  get onmessage (): SocketEventHandler<'message'> | null
  set onmessage (listener: ValueListener<Received> | null)

  /** Iterates over the values. */
  [Symbol.asyncIterator] (): AsyncIterableIterator<Received>
}
