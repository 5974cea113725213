import { EventEmitter } from 'node:events'
import type { MessageData } from './data.js'

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

export type Listener<Self, Event extends Name> = (this: Self, ...args: WireSocketEvents[Event]) => unknown

export type AnyListener<Self> = (this: Self, ...args: never[]) => unknown

/** The name of an event that is not one of a socket: applications may have events of their own. */
export type Foreign<Event> = Event extends Name ? never : Event

/**
 * An EventEmitter whose methods are overloaded in place of generic over a map of events. To the compiler a socket is
 * then an EventEmitter like that of `ws`, and goes where one of `ws` is asked for.
 */
export interface SocketEmitter extends EventEmitter {
  on<Event extends Name> (event: Event, listener: Listener<this, Event>): this
  on<Event extends string | symbol> (event: Foreign<Event>, listener: AnyListener<this>): this

  once<Event extends Name> (event: Event, listener: Listener<this, Event>): this
  once<Event extends string | symbol> (event: Foreign<Event>, listener: AnyListener<this>): this

  off<Event extends Name> (event: Event, listener: Listener<this, Event>): this
  off<Event extends string | symbol> (event: Foreign<Event>, listener: AnyListener<this>): this

  addListener<Event extends Name> (event: Event, listener: Listener<this, Event>): this
  addListener<Event extends string | symbol> (event: Foreign<Event>, listener: AnyListener<this>): this

  removeListener<Event extends Name> (event: Event, listener: Listener<this, Event>): this
  removeListener<Event extends string | symbol> (event: Foreign<Event>, listener: AnyListener<this>): this

  prependListener<Event extends Name> (event: Event, listener: Listener<this, Event>): this
  prependListener<Event extends string | symbol> (event: Foreign<Event>, listener: AnyListener<this>): this

  emit<Event extends Name> (event: Event, ...args: WireSocketEvents[Event]): boolean
  emit<Event extends string | symbol> (event: Foreign<Event>, ...args: unknown[]): boolean
}

interface SocketEmitterConstructor {
  new (options: { captureRejections: boolean }): SocketEmitter
}

/** Node's EventEmitter itself, by another type. */
export const SocketEmitterBase = EventEmitter as SocketEmitterConstructor
