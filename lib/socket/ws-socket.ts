import type { PreparedMessage } from '../codec/prepared-message.js'
import type { WriteCallback } from '../transport/transport.js'
import type { SocketEmitter } from './emitter.js'
import type { SocketEventHandler, SocketEventType } from './events.js'
import type { BinaryType, Sendable } from './sendable.js'
import type { SendResult } from './sender.js'
import type {
  CloseEvent, ControlCallback, ErrorEvent, MessageEvent, OpenEvent, SendOptions, WireSocket
} from './socket.js'

type DropInEvent<Event> = Omit<Event, 'type' | 'target'> & { readonly type: string, readonly target: WebSocket }

interface DropInEventMap {
  open: DropInEvent<OpenEvent>
  message: DropInEvent<MessageEvent>
  close: DropInEvent<CloseEvent>
  error: DropInEvent<ErrorEvent>
}

type DropInListener<Type extends SocketEventType> =
  | ((event: DropInEventMap[Type]) => unknown)
  | { handleEvent (event: DropInEventMap[Type]): unknown }

/** The members of the WebSocket of `ws`. */
interface WebSocketMembers extends SocketEmitter {
  binaryType: BinaryType
  readonly bufferedAmount: number
  readonly extensions: string
  readonly isPaused: boolean
  readonly protocol: string
  readonly readyState: WireSocket['readyState']
  readonly url: string
  readonly CONNECTING: 0
  readonly OPEN: 1
  readonly CLOSING: 2
  readonly CLOSED: 3

  get onopen (): SocketEventHandler<'open'> | null
  set onopen (listener: ((event: DropInEventMap['open']) => unknown) | null)
  get onmessage (): SocketEventHandler<'message'> | null
  set onmessage (listener: ((event: DropInEventMap['message']) => unknown) | null)
  get onclose (): SocketEventHandler<'close'> | null
  set onclose (listener: ((event: DropInEventMap['close']) => unknown) | null)
  get onerror (): SocketEventHandler<'error'> | null
  set onerror (listener: ((event: DropInEventMap['error']) => unknown) | null)

  send (
    data: Sendable | Blob, options?: SendOptions | WriteCallback | null, callback?: WriteCallback
  ): SendResult | void
  send (
    data: Sendable | Blob | PreparedMessage, options?: SendOptions | WriteCallback | null, callback?: WriteCallback
  ): SendResult | void
  ping (data?: Sendable, mask?: boolean, callback?: (error: Error) => void): void
  ping (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void
  pong (data?: Sendable, mask?: boolean, callback?: (error: Error) => void): void
  pong (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void
  close (code?: number, reason?: string | Buffer): void
  terminate (): void
  pause (): void
  resume (): void

  addEventListener<Type extends SocketEventType> (
    type: Type, listener: DropInListener<Type>, options?: { once?: boolean | undefined }
  ): void
  removeEventListener<Type extends SocketEventType> (type: Type, listener: DropInListener<Type>): void
}

/**
 * The type of a socket for code written for `ws`. The additional members of a WireSocket are optional, so that
 * `socket as ExtendedSocket` compiles if the application's interface extends the WebSocket of `ws`. `id` and `data` are
 * omitted, because applications define properties with these names and other types. To get all members, annotate the
 * parameter of the handler: `(socket: WireSocket) => …`.
 */
export interface WebSocket
  extends WebSocketMembers, Partial<Omit<WireSocket, keyof WebSocketMembers | 'id' | 'data'>> {}
