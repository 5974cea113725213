import { inspect } from 'node:util'
import { BadListener } from '../errors.js'
import { isSocketEventType, toEmitterListener, type EventListenerOf, type SocketEventType } from './events.js'

type AnyFunction = (...args: unknown[]) => unknown

/** The EventEmitter face, as far as SocketTarget uses it. */
export interface Emitter {
  on (event: 'message', listener: AnyFunction): unknown
  off (event: 'message', listener: AnyFunction): unknown
}

interface Entry {
  readonly type: SocketEventType
  readonly listener: AnyFunction
}

export interface ListenerOptions {
  /** Whether to remove the listener when it is called. Default false. */
  once?: boolean | undefined
  /** Removes the listener when aborted. */
  signal?: AbortSignal | undefined
}

interface Handler {
  readonly listener: unknown
  readonly notify: AnyFunction
}

/** The listeners of an EventTarget, implemented as EventEmitter listeners that create an event object first. */
export class SocketTarget<Socket> {
  readonly #socket: Socket & Emitter
  readonly #listeners = new Map<unknown, readonly Entry[]>()
  readonly #handlers: { [Type in SocketEventType]?: Handler | undefined } = {}

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
    signal?.addEventListener('abort', () => { this.remove(type, listener) }, { once: true })
    const socket = this.#socket
    const known = this.#listeners.get(listener) ?? []
    if (known.some((entry) => entry.type === type)) return
    const notify = toEmitterListener(type, listener)
    const wrapped = isOnce
      ? (...args: unknown[]) => {
          this.remove(type, listener)
          return notify.apply(socket, args)
        }
      : notify
    this.#listeners.set(listener, [...known, { type, listener: wrapped }])
    socket.on(type as 'message', wrapped)
  }

  remove<Type extends SocketEventType> (type: Type, listener: EventListenerOf<Socket, Type>): void {
    const wrapped = this.#forget(type, listener)
    if (wrapped !== undefined) this.#socket.off(type as 'message', wrapped)
  }

  #forget (type: SocketEventType, listener: unknown) {
    const known = this.#listeners.get(listener)
    const entry = known?.find((candidate) => candidate.type === type)
    if (known === undefined || entry === undefined) return undefined
    this.#listeners.set(listener, known.filter((candidate) => candidate !== entry))
    return entry.listener
  }

  /** Returns the listener set by `onmessage = …` and the like, or null. */
  handler<Type extends SocketEventType> (type: Type): EventListenerOf<Socket, Type> | null {
    return (this.#handlers[type]?.listener as EventListenerOf<Socket, Type> | undefined) ?? null
  }

  /** Sets the listener of `onmessage = …` and the like. Anything but a function removes it, as in browsers. */
  setHandler<Type extends SocketEventType> (type: Type, listener: EventListenerOf<Socket, Type> | null): void {
    const before = this.#handlers[type]
    if (before !== undefined) this.#socket.off(type as 'message', before.notify)
    this.#handlers[type] = undefined
    if (typeof listener !== 'function') return
    // Not through add(): the same function may also be passed to addEventListener().
    const notify = toEmitterListener(type, listener)
    Object.assign(this.#handlers, { [type]: { listener, notify } })
    this.#socket.on(type as 'message', notify)
  }
}
