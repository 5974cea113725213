import type { PreparedMessage } from '../codec/prepared-message.js'
import type { WriteCallback } from '../transport/transport.js'
import type { ListenerOptions } from './event-target.js'
import type { SocketEventHandler, SocketEventType } from './events.js'
import type { Sendable } from './sendable.js'
import type { SendResult } from './sender.js'
import type { MessageEvent, SendOptions, SocketEventListener, WireSocket, WireSocketEvents } from './socket.js'

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
