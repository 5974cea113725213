import { isSocketEventType, toEmitterListener, type SocketEventListener, type SocketEventType } from './events.js'
import type { WireSocket } from './socket.js'

interface Entry {
  readonly type: SocketEventType
  readonly listener: (...args: unknown[]) => unknown
}

/** The EventTarget face of a socket: its listeners are listeners of the EventEmitter face that make an event first. */
export class SocketTarget {
  readonly #socket: WireSocket
  readonly #listeners = new Map<unknown, readonly Entry[]>()
  readonly #handlers: { [Type in SocketEventType]?: SocketEventListener<Type> | null } = {}

  constructor (socket: WireSocket) {
    this.#socket = socket
  }

  add<Type extends SocketEventType> (type: Type, listener: SocketEventListener<Type>, isOnce: boolean): void {
    if (!isSocketEventType(type)) return
    const socket = this.#socket
    const known = this.#listeners.get(listener) ?? []
    if (known.some((entry) => entry.type === type)) return
    const tell = toEmitterListener(type, listener)
    const wrapped = isOnce
      ? (...args: unknown[]) => {
          this.remove(type, listener)
          return tell.apply(socket, args)
        }
      : tell
    this.#listeners.set(listener, [...known, { type, listener: wrapped }])
    socket.on(type as 'message', wrapped)
  }

  remove<Type extends SocketEventType> (type: Type, listener: SocketEventListener<Type>): void {
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

  /** The listener that was given by `onmessage = …`, or null. */
  handler<Type extends SocketEventType> (type: Type): SocketEventListener<Type> | null {
    return (this.#handlers[type] as SocketEventListener<Type> | null | undefined) ?? null
  }

  setHandler<Type extends SocketEventType> (type: Type, listener: SocketEventListener<Type> | null): void {
    const before = this.handler(type)
    if (before !== null) this.remove(type, before)
    Object.assign(this.#handlers, { [type]: listener })
    if (listener != null) this.add(type, listener, false)
  }
}
