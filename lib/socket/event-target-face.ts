import { EmitterFace } from './emitter-face.js'
import { SocketTarget, type Emitter, type ListenerOptions } from './event-target.js'
import type { EventListenerOf, SocketEventHandler, SocketEventType } from './events.js'

type ListenerOrNull<Socket, Type extends SocketEventType> = EventListenerOf<Socket, Type> | null

const NO_LISTENER_OPTIONS: ListenerOptions = {}

/**
 * The EventTarget face of a socket, as browsers have it. `Socket` is the class that extends this one.
 *
 * It has no private methods or accessors: with any, V8 adds a property to each object, which costs 8 bytes per socket.
 */
export abstract class EventTargetFace<Socket> extends EmitterFace {
  // Created at the first use.
  #target: SocketTarget<Socket> | undefined

  /** @throws BadListener */
  addEventListener<Type extends SocketEventType> (
    type: Type, listener: EventListenerOf<Socket, Type>, options?: ListenerOptions
  ): void {
    // Browsers also accept a boolean, for an event phase that sockets do not have.
    const { once = false, signal } = typeof options === 'object' ? options : NO_LISTENER_OPTIONS
    EventTargetFace.#targetOf(this).add(type, listener, once, signal)
  }

  removeEventListener<Type extends SocketEventType> (type: Type, listener: EventListenerOf<Socket, Type>): void {
    EventTargetFace.#targetOf(this).remove(type, listener)
  }

  get onopen (): SocketEventHandler<'open'> | null { return EventTargetFace.#get(this, 'open') }
  set onopen (listener: ListenerOrNull<Socket, 'open'>) { EventTargetFace.#set(this, 'open', listener) }
  get onmessage (): SocketEventHandler<'message'> | null { return EventTargetFace.#get(this, 'message') }
  set onmessage (listener: ListenerOrNull<Socket, 'message'>) { EventTargetFace.#set(this, 'message', listener) }
  get onclose (): SocketEventHandler<'close'> | null { return EventTargetFace.#get(this, 'close') }
  set onclose (listener: ListenerOrNull<Socket, 'close'>) { EventTargetFace.#set(this, 'close', listener) }
  get onerror (): SocketEventHandler<'error'> | null { return EventTargetFace.#get(this, 'error') }
  set onerror (listener: ListenerOrNull<Socket, 'error'>) { EventTargetFace.#set(this, 'error', listener) }

  static #targetOf<Socket> (face: EventTargetFace<Socket>): SocketTarget<Socket> {
    return (face.#target ??= new SocketTarget<Socket>(face as unknown as Socket & Emitter))
  }

  static #get<Socket, Type extends SocketEventType> (
    face: EventTargetFace<Socket>, type: Type
  ): SocketEventHandler<Type> | null {
    return EventTargetFace.#targetOf(face).handler(type) as SocketEventHandler<Type> | null
  }

  static #set<Socket, Type extends SocketEventType> (
    face: EventTargetFace<Socket>, type: Type, listener: ListenerOrNull<Socket, Type>
  ): void {
    EventTargetFace.#targetOf(face).setHandler(type, listener)
  }
}
