/**
 * The frames of the live subprotocol. This file imports nothing: server and client share it, and docs/protocol.md
 * describes it for clients in other languages.
 *
 * A WebSocket message that begins with NUL (U+0000) is a frame: NUL, a JSON object (the head), and, for a frame with a
 * payload, a line feed and the payload as it is. Any other message is a plain payload, as without the subprotocol. A frame
 * with a binary payload is a binary message, every other frame is text; its head is UTF-8 either way.
 *
 *   client                                     server
 *     │     ◀── hello { heartbeat, protocol }      │   at once, as its first message
 *     │  resume { topics: { T: cursor } } ──▶      │   the answer, as the first message of the client
 *     │     ◀── subscribed { topic, cursor, isGap }│   once for each topic, then everything behind `cursor`
 *     │     ◀── message { topic, cursor, prev }    │
 *     │     ◀── gap, join, leave, unsubscribed     │
 *     │     ◀── ping                               │   when nothing else was sent for half of `heartbeat`
 *     │  ping ──▶   ◀── ping                       │   the client asks whether the connection is alive
 *     │     ◀── send ──▶                           │   a plain message that begins with NUL itself
 */

/** The name of the subprotocol, as `Sec-WebSocket-Protocol` has it. */
export const LIVE_PROTOCOL = 'live.fastify-wire.v1'

/** What a message of the server is about. `topic` and the cursors are opaque strings. */
export type ServerFrame =
  /**
   * The first frame. A client that hears nothing for `heartbeat` milliseconds may take the connection for dead; 0 for
   * no such promise. `protocol`: the application's subprotocol, where the client offered others beside this one.
   */
  | { readonly type: 'hello', readonly heartbeat: number, readonly protocol?: string }
  /**
   * The topic is followed: the next message has `cursor` as its `prev`. This is the
   * cursor of `resume`, or where that named none, the newest. `isGap`: messages behind the cursor of `resume` are gone, and
   * `cursor` is another. `members`: the members present, where the topic has presence.
   */
  | {
    readonly type: 'subscribed'
    readonly topic: string
    readonly cursor: string
    readonly isGap: boolean
    readonly members?: readonly LiveMember[]
  }
  | { readonly type: 'unsubscribed', readonly topic: string }
  /** With a payload. `prev` is the cursor of the message before it in the topic. */
  | { readonly type: 'message', readonly topic: string, readonly cursor: string, readonly prev: string }
  /** Messages between the last one and `cursor` are gone; the next message has `cursor` as its `prev`. */
  | { readonly type: 'gap', readonly topic: string, readonly cursor: string }
  | { readonly type: 'join', readonly topic: string, readonly member: LiveMember }
  | { readonly type: 'leave', readonly topic: string, readonly member: LiveMember }
  /** Nothing but a sign of life; also the answer to a `ping` of the client. */
  | { readonly type: 'ping' }
  /** With a payload: a plain message that begins with NUL itself. */
  | { readonly type: 'send' }

export interface LiveMember {
  readonly id: string
  readonly [property: string]: unknown
}

/** What a message of the client is about. */
export type ClientFrame =
  /**
   * The last cursor of each topic the client followed. Sent as the answer to `hello`, and later for single topics whose
   * messages do not chain; the server answers with `subscribed` each time.
   */
  | { readonly type: 'resume', readonly topics: Readonly<Record<string, string>> }
  /** The server answers with `ping` at once. */
  | { readonly type: 'ping' }
  /** With a payload: a plain message that begins with NUL itself. */
  | { readonly type: 'send' }

export type LiveFrame = ServerFrame | ClientFrame

/** The frames that have a payload. */
export type PayloadFrame = Extract<LiveFrame, { readonly type: 'message' | 'send' }>

/** A frame as it was read. */
export interface ReceivedFrame<Head extends LiveFrame> {
  readonly head: Head
  /** '' for a frame without a payload. */
  readonly payload: string | Uint8Array<ArrayBuffer>
}

/** Whether a message is a frame rather than a plain payload. */
export function isFrame (message: string | Uint8Array): boolean {
  return typeof message === 'string' ? message.charCodeAt(0) === 0 : message[0] === 0
}

/** The message that carries a frame: binary for a binary payload, else text. */
export function encodeFrame (head: Exclude<LiveFrame, PayloadFrame>): string
export function encodeFrame (head: PayloadFrame, payload: string): string
export function encodeFrame (head: PayloadFrame, payload: Uint8Array): Uint8Array<ArrayBuffer>
export function encodeFrame (head: PayloadFrame, payload: string | Uint8Array): string | Uint8Array<ArrayBuffer>
export function encodeFrame (head: LiveFrame, payload?: string | Uint8Array): string | Uint8Array<ArrayBuffer> {
  const text = '\0' + JSON.stringify(head)
  if (payload === undefined) return text
  if (typeof payload === 'string') return text + '\n' + payload
  const start = new TextEncoder().encode(text + '\n')
  const bytes = new Uint8Array(start.length + payload.length)
  bytes.set(start)
  bytes.set(payload, start.length)
  return bytes
}

/** Reads a frame of the server, as `readClientFrame()` reads those of a client. */
export function readServerFrame (message: string | Uint8Array<ArrayBuffer>): ReceivedFrame<ServerFrame> | undefined {
  return readFrame(message, SERVER_FIELDS) as ReceivedFrame<ServerFrame> | undefined
}

/**
 * Reads a frame of a client. Returns undefined, and never throws, for a message that is no frame, for a malformed one, and
 * for a type that is not known here. A binary payload is a view of `message`. Members that are not known are kept.
 */
export function readClientFrame (message: string | Uint8Array<ArrayBuffer>): ReceivedFrame<ClientFrame> | undefined {
  const frame = readFrame(message, CLIENT_FIELDS) as ReceivedFrame<ClientFrame> | undefined
  const isValid = frame?.head.type !== 'resume' || Object.values(frame.head.topics).every((cursor) => typeof cursor === 'string')
  return isValid ? frame : undefined
}

/** The members that a head must have, by examples of their types. */
type Fields = Readonly<Record<string, unknown>>

const SERVER_FIELDS: { readonly [type in ServerFrame['type']]: Fields } = {
  hello: { heartbeat: 0 },
  subscribed: { topic: '', cursor: '', isGap: true },
  unsubscribed: { topic: '' },
  message: { topic: '', cursor: '', prev: '' },
  gap: { topic: '', cursor: '' },
  join: { topic: '', member: {} },
  leave: { topic: '', member: {} },
  ping: {},
  send: {}
}

const CLIENT_FIELDS: { readonly [type in ClientFrame['type']]: Fields } = { resume: { topics: {} }, ping: {}, send: {} }

function readFrame (
  message: string | Uint8Array<ArrayBuffer>, types: Readonly<Record<string, Fields>>
): ReceivedFrame<LiveFrame> | undefined {
  try {
    if (!isFrame(message)) return
    const isText = typeof message === 'string'
    const end = isText ? message.indexOf('\n') : message.indexOf(10)
    const start = message.slice(1, end < 0 ? message.length : end)
    const head = JSON.parse(typeof start === 'string' ? start : new TextDecoder('utf-8', { fatal: true }).decode(start))
    // What has no fields to check is not a type, or a name that every object inherits.
    const fields = Object.hasOwn(types, head.type) && Object.entries(types[head.type]!)
    // Frames with a payload have a line feed, even before an empty one; the others have none.
    if (!fields || (end >= 0) !== (head.type === 'message' || head.type === 'send')) return
    if (fields.some(([name, example]) => head[name] === null || typeof head[name] !== typeof example)) return
    return { head, payload: end < 0 ? '' : isText ? message.slice(end + 1) : message.subarray(end + 1) }
  } catch {
    // No JSON, no UTF-8, or no object.
  }
}
