/** The values of `readyState`, as on WebSocket and its objects. */
export interface ReadyStates {
  readonly CONNECTING: typeof CONNECTING
  readonly OPEN: typeof OPEN
  readonly CLOSING: typeof CLOSING
  readonly CLOSED: typeof CLOSED
}

export const CONNECTING = 0
export const OPEN = 1
export const CLOSING = 2
export const CLOSED = 3
export const STATES: ReadyStates = { CONNECTING, OPEN, CLOSING, CLOSED }
