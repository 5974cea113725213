import { EventEmitter } from 'node:events'
import type { MessageData } from './sendable.js'

export interface WireSocketEvents {
  /** A whole message; text comes as a Buffer of valid UTF-8. */
  message: [data: MessageData, isBinary: boolean]
  /** The socket is closed; the code is the one that the peer sent, 1005 or 1006 (RFC 6455 §7.1.5). */
  close: [code: number, reason: Buffer]
  /** The peer broke a rule, or the connection failed; 'close' follows. */
  error: [error: Error]
  ping: [data: Buffer]
  pong: [data: Buffer]
  /** What had to wait for the peer has left. */
  drain: []
  /** A message was not sent, or will not be, because the peer is slow: see `backpressure`. */
  drop: [data: string | Buffer, isBinary: boolean]
  open: []
}

type Name = keyof WireSocketEvents

/** What nobody checks: the type that EventEmitter has for its arguments. */
export type Unchecked = ReturnType<typeof JSON.parse>

export type ListenerOf<Self, Args extends unknown[]> = (this: Self, ...args: Args) => unknown

export type Listener<Self, Event extends Name> = ListenerOf<Self, WireSocketEvents[Event]>

export type AnyListener<Self> = ListenerOf<Self, Unchecked[]>

/**
 * An EventEmitter whose methods are overloaded in place of generic over a map of events. To the compiler a socket is
 * then an EventEmitter like that of `ws`, and goes where one of `ws` is asked for. The first overload is the one that
 * infers. The second takes events of the application and, as the types of `ws` do, listeners that are annotated by one
 * who knows more: `(data: Buffer) => …` where `binaryType` was left alone.
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

/** Node's EventEmitter itself, by another type. */
export const SocketEmitterBase = EventEmitter as SocketEmitterConstructor
