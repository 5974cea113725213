import { inspect } from 'node:util'
import { BadListener } from '../errors.js'
import { isSocketEventType, toEmitterListener, type EventListenerOf, type SocketEventType } from './events.js'

type AnyFunction = (...args: unknown[]) => unknown

/** The EventEmitter face, as far as SocketTarget uses it. */
export interface Emitter {
  on (event: 'message', listener: AnyFunction): unknown
  off (event: 'message', listener: AnyFunction): unknown
  listeners (event: string): Function[]
}

export interface ListenerOptions {
  /** Whether to remove the listener when it is called. Default false. */
  once?: boolean | undefined
  /** Removes the listener when aborted. */
  signal?: AbortSignal | undefined
}

const given = Symbol('given')
const isHandler = Symbol('isHandler')

/** A listener of the EventEmitter that creates an event object for the one given. */
interface Wrapped extends AnyFunction {
  [given]: unknown
  /** Whether it was set by `onmessage = …` and the like. */
  [isHandler]: boolean
}

/**
 * The listeners of an EventTarget, implemented as EventEmitter listeners that create an event object first. They are
 * recorded nowhere else, because `removeAllListeners()` removes them too.
 */
export class SocketTarget<Socket> {
  readonly #socket: Socket & Emitter

  constructor (socket: Socket & Emitter) {
    this.#socket = socket
  }

  /** @throws BadListener */
  add<Type extends SocketEventType> (
    type: Type, listener: EventListenerOf<Socket, Type>, isOnce: boolean, signal?: AbortSignal
  ): void {
    if (typeof listener !== 'function' && typeof listener?.handleEvent !== 'function') {
      throw new BadListener(type, inspect(listener))
    }
    if (!isSocketEventType(type) || signal?.aborted === true) return
    if (this.#find(type, listener) !== undefined) return
    signal?.addEventListener('abort', () => { this.remove(type, listener) }, { once: true })
    const socket = this.#socket
    const notify = toEmitterListener(type, listener)
    const wrapped = isOnce
      ? (...args: unknown[]) => {
          this.remove(type, listener)
          return notify.apply(socket, args)
        }
      : notify
    socket.on(type as 'message', Object.assign(wrapped, { [given]: listener, [isHandler]: false }))
  }

  remove<Type extends SocketEventType> (type: Type, listener: EventListenerOf<Socket, Type>): void {
    const wrapped = this.#find(type, listener)
    if (wrapped !== undefined) this.#socket.off(type as 'message', wrapped)
  }

  #find (type: SocketEventType, listener: unknown): Wrapped | undefined {
    return this.#wrapped(type).find((wrapped) => wrapped[given] === listener && !wrapped[isHandler])
  }

  #handler (type: SocketEventType): Wrapped | undefined {
    return this.#wrapped(type).find((wrapped) => wrapped[isHandler])
  }

  #wrapped (type: SocketEventType): Wrapped[] {
    return (this.#socket.listeners(type) as Wrapped[]).filter((listener) => given in listener)
  }

  /** Returns the listener set by `onmessage = …` and the like, or null. */
  handler<Type extends SocketEventType> (type: Type): EventListenerOf<Socket, Type> | null {
    return (this.#handler(type)?.[given] as EventListenerOf<Socket, Type> | undefined) ?? null
  }

  /** Sets the listener of `onmessage = …` and the like. Anything but a function removes it, as in browsers. */
  setHandler<Type extends SocketEventType> (type: Type, listener: EventListenerOf<Socket, Type> | null): void {
    const before = this.#handler(type)
    if (before !== undefined) this.#socket.off(type as 'message', before)
    if (typeof listener !== 'function') return
    const notify = toEmitterListener(type, listener)
    this.#socket.on(type as 'message', Object.assign(notify, { [given]: listener, [isHandler]: true }))
  }
}
