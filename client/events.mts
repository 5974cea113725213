import type { LiveMember } from '../lib/topics/frames.js'

/** A message. `topic` and `cursor` are set if it was published to a topic. */
export interface LiveMessageEvent extends MessageEvent {
  readonly topic?: string | undefined
  readonly cursor?: string | undefined
}

/** The connection was lost or could not be opened. The next attempt follows after `delay` milliseconds. */
export interface ReconnectingEvent extends Event {
  /** The close code; 1006 if the connection was refused, lost or silent. */
  readonly code: number
  readonly reason: string
  /** Counts from 1, and restarts after a connection that lasted. */
  readonly attempt: number
  readonly delay: number
}

/** The socket follows a topic. */
export interface SubscribedEvent extends Event {
  readonly topic: string
  readonly cursor: string
  /** Whether messages since the last connection are lost. A `gap` event follows. */
  readonly isGap: boolean
  /** The present members, if the topic has presence. */
  readonly members?: readonly LiveMember[] | undefined
}

export interface UnsubscribedEvent extends Event {
  readonly topic: string
}

/** Messages of the topic are lost: fetch the resource again. */
export interface GapEvent extends Event {
  readonly topic: string
  /** The cursor after which messages are complete again. */
  readonly cursor: string
}

/** A member joined or left a topic. */
export interface MemberEvent extends Event {
  readonly topic: string
  readonly member: LiveMember
}

/** Data passed to `send()` that will not be sent. */
export interface DropEvent extends Event {
  readonly data: string | BufferSource | Blob
  /** 'full': there is no connection, and the queue is full. 'closed': the socket is closed or closing. */
  readonly reason: 'full' | 'closed'
}

export interface LiveSocketEventMap {
  open: Event
  message: LiveMessageEvent
  error: Event
  close: CloseEvent
  reconnecting: ReconnectingEvent
  subscribed: SubscribedEvent
  unsubscribed: UnsubscribedEvent
  gap: GapEvent
  join: MemberEvent
  leave: MemberEvent
  drop: DropEvent
}

export type LiveSocketListener<Type extends keyof LiveSocketEventMap> =
  | ((this: WebSocket, event: LiveSocketEventMap[Type]) => unknown)
  | { handleEvent (event: LiveSocketEventMap[Type]): unknown }

/** An EventTarget with the events of LiveSocket. */
export interface LiveEventTarget extends EventTarget {
  addEventListener<Type extends keyof LiveSocketEventMap> (
    type: Type, listener: LiveSocketListener<Type>, options?: AddEventListenerOptions | boolean
  ): void
  addEventListener (
    type: string, listener: EventListenerOrEventListenerObject | null, options?: AddEventListenerOptions | boolean
  ): void
  removeEventListener<Type extends keyof LiveSocketEventMap> (
    type: Type, listener: LiveSocketListener<Type>, options?: EventListenerOptions | boolean
  ): void
  removeEventListener (
    type: string, listener: EventListenerOrEventListenerObject | null, options?: EventListenerOptions | boolean
  ): void
}
