import { EventEmitter } from 'node:events'
import type { MessageData } from './sendable.js'

export interface WireSocketEvents {
  /** A whole message. Text is a Buffer of valid UTF-8. */
  message: [data: MessageData, isBinary: boolean]
  /** The socket is closed. The code is that of the peer, 1005 or 1006 (RFC 6455 §7.1.5). */
  close: [code: number, reason: Buffer]
  /** The peer violated the protocol, or the connection failed. 'close' follows. */
  error: [error: Error]
  ping: [data: Buffer]
  pong: [data: Buffer]
  /** All bytes that had to wait for the peer have been sent. */
  drain: []
  /** A message was dropped because the peer is slow: see the option `backpressure`. */
  drop: [data: string | Buffer, isBinary: boolean]
  open: []
}

type Name = keyof WireSocketEvents

/** `any`, the type of the arguments of an EventEmitter. */
export type Unchecked = ReturnType<typeof JSON.parse>

export type ListenerOf<Self, Args extends unknown[]> = (this: Self, ...args: Args) => unknown

export type Listener<Self, Event extends Name> = ListenerOf<Self, WireSocketEvents[Event]>

export type AnyListener<Self> = ListenerOf<Self, Unchecked[]>

/**
 * An EventEmitter with overloaded methods, not generic over a map of events, so that sockets are assignable to the
 * types of `ws`. The first overload infers the arguments. The second accepts application events and, like `ws`,
 * listeners with narrower types, such as `(data: Buffer) => …` if `binaryType` is 'nodebuffer'.
 */
export interface TypedEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter {
  on<Event extends keyof Events> (event: Event, listener: ListenerOf<this, Events[Event]>): this
  on (event: string | symbol, listener: AnyListener<this>): this

  once<Event extends keyof Events> (event: Event, listener: ListenerOf<this, Events[Event]>): this
  once (event: string | symbol, listener: AnyListener<this>): this

  off<Event extends keyof Events> (event: Event, listener: ListenerOf<this, Events[Event]>): this
  off (event: string | symbol, listener: AnyListener<this>): this

  addListener<Event extends keyof Events> (event: Event, listener: ListenerOf<this, Events[Event]>): this
  addListener (event: string | symbol, listener: AnyListener<this>): this

  removeListener<Event extends keyof Events> (event: Event, listener: ListenerOf<this, Events[Event]>): this
  removeListener (event: string | symbol, listener: AnyListener<this>): this

  prependListener<Event extends keyof Events> (event: Event, listener: ListenerOf<this, Events[Event]>): this
  prependListener (event: string | symbol, listener: AnyListener<this>): this

  prependOnceListener<Event extends keyof Events> (event: Event, listener: ListenerOf<this, Events[Event]>): this
  prependOnceListener (event: string | symbol, listener: AnyListener<this>): this

  emit<Event extends keyof Events> (event: Event, ...args: Events[Event]): boolean
  emit (event: string | symbol, ...args: unknown[]): boolean
}

export interface SocketEmitter extends TypedEmitter<WireSocketEvents> {}

interface SocketEmitterConstructor {
  new (options: { captureRejections: boolean }): SocketEmitter
}

/** Holds the listeners of an EventEmitter. With a fixed shape it takes 72 bytes, Node's default dictionary 216. */
export class Listeners {
  message = undefined
  close = undefined
  error = undefined
  ping = undefined
  pong = undefined
  drain = undefined
}
Object.setPrototypeOf(Listeners.prototype, null)

/** Node's EventEmitter, with the type of a socket. */
export const SocketEmitterBase = EventEmitter as SocketEmitterConstructor
