import { EventEmitter } from 'node:events'
import { emitClose } from './close-listeners.js'
import { SocketEmitterBase, type AnyListener, type Listener, type WireSocketEvents } from './emitter.js'

/** The property that holds the connection of a socket. */
export const emittingConnection = Symbol('connection')

/** The connection, as far as the EventEmitter face uses it. */
export interface EmittingConnection {
  readonly receiver: { schedule (): void }
  readonly observer: { onCloseListeners? (running: Array<Promise<unknown>>): void }
  fail (error: unknown): void
}

/**
 * The EventEmitter face of a socket. The first 'message' listener gets the queued messages.
 *
 * It has no private methods or accessors: with any, V8 adds a property to each object, which costs 8 bytes per socket.
 */
export abstract class EmitterFace extends SocketEmitterBase {
  /** @internal */
  abstract get [emittingConnection] (): EmittingConnection

  override on<Event extends keyof WireSocketEvents> (event: Event, listener: Listener<this, Event>): this
  override on (event: string | symbol, listener: AnyListener<this>): this
  override on (event: string | symbol, listener: AnyListener<this>): this {
    super.on(event, listener)
    if (event === 'message') this[emittingConnection].receiver.schedule()
    return this
  }

  override addListener<Event extends keyof WireSocketEvents> (event: Event, listener: Listener<this, Event>): this
  override addListener (event: string | symbol, listener: AnyListener<this>): this
  override addListener (event: string | symbol, listener: AnyListener<this>): this {
    return this.on(event, listener)
  }

  override prependListener<Event extends keyof WireSocketEvents> (event: Event, listener: Listener<this, Event>): this
  override prependListener (event: string | symbol, listener: AnyListener<this>): this
  override prependListener (event: string | symbol, listener: AnyListener<this>): this {
    super.prependListener(event, listener)
    if (event === 'message') this[emittingConnection].receiver.schedule()
    return this
  }

  /** An 'error' without listeners goes to the error handler of the route. */
  override emit<Event extends keyof WireSocketEvents> (event: Event, ...args: WireSocketEvents[Event]): boolean
  override emit (event: string | symbol, ...args: unknown[]): boolean
  override emit (event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'error' && this.listenerCount('error') === 0) {
      this[emittingConnection].fail(args[0])
      return true
    }
    if (event === 'close') return emitCloseOf(this, this[emittingConnection], args)
    return super.emit(event, ...args)
  }

  /** Excludes the events without listeners, which exist only for the fixed shape. */
  override eventNames (): Array<string | symbol> {
    return super.eventNames().filter((name) => this.listenerCount(name) > 0)
  }

  override [EventEmitter.captureRejectionSymbol] (error: Error, ..._event: unknown[]): void {
    this[emittingConnection].fail(error)
  }
}

function emitCloseOf (emitter: EventEmitter, connection: EmittingConnection, args: unknown[]): boolean {
  return emitClose(emitter, args, (error) => { connection.fail(error) }, (running) => {
    connection.observer.onCloseListeners?.(running)
  })
}
