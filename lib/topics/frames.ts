/**
 * The frames of the live subprotocol. This file imports nothing: server and client share it, and docs/protocol.md
 * describes it for clients in other languages.
 *
 * A WebSocket message that begins with NUL (U+0000) is a frame: NUL, a JSON object (the head), and, for a frame with a
 * payload, a line feed and the payload as it is. Any other message is a plain payload, as without the subprotocol. A frame
 * with a binary payload is a binary message, every other frame is text; its head is UTF-8 either way.
 *
 *   client                                    server
 *     │  resume { topics: { T: cursor } } ──▶   │   the first message of a client
 *     │   ◀── hello { heartbeat }               │
 *     │   ◀── subscribed { topic, cursor, gap } │   once for each topic, then what was missed
 *     │   ◀── message { topic, cursor, prev }   │
 *     │   ◀── gap, join, leave, ping, send      │
 */

/** The name of the subprotocol, as `Sec-WebSocket-Protocol` has it. */
export const LIVE_PROTOCOL = 'live.fastify-wire.v1'

/** What a message of the server is about. `T` is a topic, `C` a cursor; both are opaque strings. */
export type ServerFrame =
  /** The first frame. `heartbeat`: a client that hears nothing for so many milliseconds may take the connection for dead. */
  | { readonly type: 'hello', readonly heartbeat: number }
  /**
   * The topic is followed from `cursor` on ('' where nothing was published yet). `isGap`: messages behind the cursor of
   * `resume` are gone. `members`: who is there, where the topic has presence.
   */
  | { readonly type: 'subscribed', readonly topic: string, readonly cursor: string, readonly isGap: boolean, readonly members?: readonly LiveMember[] }
  | { readonly type: 'unsubscribed', readonly topic: string }
  /** With a payload. `prev` is the cursor of the message before it in the topic. */
  | { readonly type: 'message', readonly topic: string, readonly cursor: string, readonly prev: string }
  /** Messages between the last one and `cursor` are gone. */
  | { readonly type: 'gap', readonly topic: string, readonly cursor: string }
  | { readonly type: 'join', readonly topic: string, readonly member: LiveMember }
  | { readonly type: 'leave', readonly topic: string, readonly member: LiveMember }
  /** Nothing but a sign of life. */
  | { readonly type: 'ping' }
  /** With a payload: a plain message that begins with NUL itself. */
  | { readonly type: 'send' }

export interface LiveMember {
  readonly id: string
  readonly [property: string]: unknown
}

/** What a message of the client is about. */
export type ClientFrame =
  /** The first message of a connection, and later for topics whose messages the client missed: the last cursor of each. */
  | { readonly type: 'resume', readonly topics: Readonly<Record<string, string>> }
  /** With a payload: a plain message that begins with NUL itself. */
  | { readonly type: 'send' }
