import type { LiveEventTarget, LiveSocketEventMap } from './events.mjs'

const TYPES = [
  'open', 'message', 'error', 'close', 'reconnecting', 'subscribed', 'unsubscribed', 'gap', 'join', 'leave', 'drop'
] as const

type Handler<Type extends keyof LiveSocketEventMap> =
  ((this: WebSocket, event: LiveSocketEventMap[Type]) => unknown) | null

/** The event handlers of a LiveSocket: those of WebSocket, and one for each further event. */
export interface LiveEventHandlers {
  /** Called each time a connection opens. Messages sent here precede the queued ones. */
  onopen: Handler<'open'>
  onmessage: Handler<'message'>
  /** Called before `onclose` if the socket ends because of a failure. */
  onerror: Handler<'error'>
  /** Called once, when the socket ends for good. */
  onclose: Handler<'close'>
  onreconnecting: Handler<'reconnecting'>
  onsubscribed: Handler<'subscribed'>
  onunsubscribed: Handler<'unsubscribed'>
  ongap: Handler<'gap'>
  onjoin: Handler<'join'>
  onleave: Handler<'leave'>
  ondrop: Handler<'drop'>
}

export function addHandlers (target: LiveEventTarget & LiveEventHandlers): void {
  for (const type of TYPES) {
    const name = `on${type}` as const
    target[name] = null
    target.addEventListener(type as string, (event) => {
      (target[name] as ((event: Event) => unknown) | null)?.(event)
    })
  }
}
