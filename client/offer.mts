/**
 * Whether the live subprotocol is offered. Browsers fail a handshake if the server chooses none of the offered
 * subprotocols, without a reason. So until the server is known to speak it:
 *
 *   OFFERED ◀── fails: the backoff first ── NOT_OFFERED ── opens: the server may have restarted ──▶ OFFERED_AGAIN
 *      └────────────── fails ───────────────────▲                                                         │ fails
 *                                                   NEVER_OFFERED: the server does not support it ◀───────┘
 */
export type Offer = typeof OFFERED | typeof NOT_OFFERED | typeof OFFERED_AGAIN | typeof NEVER_OFFERED

export const OFFERED = 0
/** This bit is set in the states in which the subprotocol is not offered. */
export const NOT_OFFERED = 1
export const OFFERED_AGAIN = 2
export const NEVER_OFFERED = 3

/** Returns what to offer after an attempt that failed. If it is a later state, the next attempt follows at once. */
export const offerAfterFailure = (offer: Offer): Offer =>
  offer === NEVER_OFFERED ? offer : (offer ^ NOT_OFFERED) as Offer
