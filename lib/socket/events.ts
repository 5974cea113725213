import { isError } from '../is-error.js'
import type { MessageData } from './sendable.js'
import type { WireSocket } from './socket.js'

/** What listeners of the EventTarget face receive: the fields of the WHATWG events, without their machinery. */
export interface SocketEvent<Type extends string = string> {
  readonly type: Type
  readonly target: WireSocket
}

export interface OpenEvent extends SocketEvent<'open'> {}

export interface MessageEvent extends SocketEvent<'message'> {
  /** Text as a string; binary as `binaryType` says. */
  readonly data: string | MessageData
}

export interface CloseEvent extends SocketEvent<'close'> {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
}

export interface ErrorEvent extends SocketEvent<'error'> {
  readonly error: unknown
  readonly message: string
}

export interface SocketEventMap {
  open: OpenEvent
  message: MessageEvent
  close: CloseEvent
  error: ErrorEvent
}

export type SocketEventType = keyof SocketEventMap

export type SocketEventListener<Type extends SocketEventType> =
  | ((this: WireSocket, event: SocketEventMap[Type]) => unknown)
  | { handleEvent (event: SocketEventMap[Type]): unknown }

/** A listener that was given by `onmessage = …`, as it can be read: any event of its fields will do. */
export type SocketEventHandler<Type extends SocketEventType> =
  (event: Omit<SocketEventMap[Type], 'type' | 'target'> & { readonly type: string, readonly target: unknown }) => unknown

type Arguments = readonly unknown[]

const makeEvent: { [Type in SocketEventType]: (target: WireSocket, args: Arguments) => SocketEventMap[Type] } = {
  open: (target) => ({ type: 'open', target }),
  message: (target, [data, isBinary]) => ({
    type: 'message',
    target,
    // On a route with a schema it is a value.
    data: isBinary !== true && Buffer.isBuffer(data) ? String(data) : data as MessageData
  }),
  close: (target, [code, reason]) => ({
    type: 'close',
    target,
    code: code as number,
    reason: String(reason),
    wasClean: code !== 1006
  }),
  error: (target, [error]) => ({
    type: 'error',
    target,
    error,
    message: isError(error) ? error.message : String(error)
  })
}

/** A listener of the EventEmitter face that calls one of the EventTarget face. Its result is handed on, so that a rejection is seen. */
export function toEmitterListener<Type extends SocketEventType> (type: Type, listener: SocketEventListener<Type>) {
  return function (this: WireSocket, ...args: Arguments): unknown {
    const event = makeEvent[type](this, args)
    return typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event)
  }
}

export function isSocketEventType (type: string): type is SocketEventType {
  return Object.hasOwn(makeEvent, type)
}
