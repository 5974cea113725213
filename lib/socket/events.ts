import { isError } from '../is-error.js'
import type { MessageData } from './sendable.js'

/** The events of the EventTarget face: plain objects with the properties of the WHATWG events. */
export interface EventOf<Target, Type extends string> {
  readonly type: Type
  readonly target: Target
}

export interface OpenEventOf<Target> extends EventOf<Target, 'open'> {}

export interface MessageEventOf<Target> extends EventOf<Target, 'message'> {
  /** Text as a string, or binary data of the type set by `binaryType`. */
  readonly data: string | MessageData
}

export interface CloseEventOf<Target> extends EventOf<Target, 'close'> {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
}

export interface ErrorEventOf<Target> extends EventOf<Target, 'error'> {
  readonly error: unknown
  readonly message: string
}

export interface EventMapOf<Target> {
  open: OpenEventOf<Target>
  message: MessageEventOf<Target>
  close: CloseEventOf<Target>
  error: ErrorEventOf<Target>
}

export type SocketEventType = keyof EventMapOf<unknown>

export type EventListenerOf<Target, Type extends SocketEventType> =
  | ((this: Target, event: EventMapOf<Target>[Type]) => unknown)
  | { handleEvent (event: EventMapOf<Target>[Type]): unknown }

/** The type of `socket.onmessage` and the like when read: a function that accepts any event with these properties. */
export type SocketEventHandler<Type extends SocketEventType> =
  (event: Omit<EventMapOf<unknown>[Type], 'type' | 'target'> & { readonly type: string, readonly target: unknown }) =>
  unknown

type Arguments = readonly unknown[]

const makeEvent: {
  [Type in SocketEventType]: <Target>(target: Target, args: Arguments) => EventMapOf<Target>[Type]
} = {
  open: (target) => ({ type: 'open', target }),
  message: (target, [data, isBinary]) => ({
    type: 'message',
    target,
    // With a schema, data is a value.
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

/**
 * Wraps an EventTarget listener for use with an EventEmitter. It returns the listener's result, so that rejections are
 * captured.
 */
export function toEmitterListener<Target, Type extends SocketEventType> (
  type: Type, listener: EventListenerOf<Target, Type>
) {
  return function (this: Target, ...args: Arguments): unknown {
    const event = makeEvent[type](this, args)
    return typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event)
  }
}

export function isSocketEventType (type: string): type is SocketEventType {
  return Object.hasOwn(makeEvent, type)
}
