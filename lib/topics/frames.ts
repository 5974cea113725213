/**
 * The frames of the live subprotocol. Server and client share this file, so it imports nothing. docs/protocol.md
 * describes the frames for clients in other languages.
 *
 * A WebSocket message that begins with NUL (U+0000) is a frame. It consists of NUL and a JSON object in UTF-8, the
 * head. If it has a payload, a line feed and the payload follow. A frame with a binary payload is a binary message, any
 * other is text. Messages without NUL are plain payloads, as without the subprotocol.
 *
 *   client                                     server
 *     │     ◀── hello { heartbeat, protocol }      │   the first message of the server
 *     │  resume { topics: { T: cursor } } ──▶      │   the first message of the client
 *     │     ◀── subscribed { topic, cursor, isGap }│   once per topic, then all messages after `cursor`
 *     │     ◀── message { topic, cursor, prev }    │
 *     │     ◀── gap, join, leave, unsubscribed     │
 *     │     ◀── ping                               │   at an interval shorter than half of `heartbeat`
 *     │  ping ──▶   ◀── ping                       │   the client checks whether the connection is alive
 *     │     ◀── send ──▶                           │   a plain message that itself begins with NUL
 */

/** The name of the subprotocol in `Sec-WebSocket-Protocol`. */
export const LIVE_PROTOCOL = 'live.fastify-wire.v1'

/** The head of a frame of the server. Topics and cursors are opaque strings. */
export type ServerFrame =
  /**
   * The first frame. If the client receives nothing for `heartbeat` milliseconds, the connection is probably dead; 0
   * means that the server does not promise this. `protocol` is the application's subprotocol, if one was negotiated.
   */
  | { readonly type: 'hello', readonly heartbeat: number, readonly protocol?: string }
  /**
   * The socket follows the topic, and the next message has `cursor` as its `prev`. `cursor` is the cursor of `resume`,
   * or the newest one if `resume` has none. If `isGap` is true, messages after the cursor of `resume` are lost, and
   * `cursor` is a later one. `members` lists the present members, if the topic has presence.
   */
  | {
    readonly type: 'subscribed'
    readonly topic: string
    readonly cursor: string
    readonly isGap: boolean
    readonly members?: readonly LiveMember[]
  }
  | { readonly type: 'unsubscribed', readonly topic: string }
  /** Has a payload. `prev` is the cursor of the previous message of the topic. */
  | { readonly type: 'message', readonly topic: string, readonly cursor: string, readonly prev: string }
  /** Messages between the last one and `cursor` are lost. The next message has `cursor` as its `prev`. */
  | { readonly type: 'gap', readonly topic: string, readonly cursor: string }
  | { readonly type: 'join', readonly topic: string, readonly member: LiveMember }
  | { readonly type: 'leave', readonly topic: string, readonly member: LiveMember }
  /** A sign of life, and the answer to a `ping` of the client. */
  | { readonly type: 'ping' }
  /** Has a payload: a plain message that itself begins with NUL. */
  | { readonly type: 'send' }

export interface LiveMember {
  readonly id: string
  readonly [property: string]: unknown
}

/** The head of a frame of the client. */
export type ClientFrame =
  /**
   * The last cursor of each topic that the client follows. Sent as the answer to `hello`, and later for a topic whose
   * message has an unexpected `prev`. The server answers with `subscribed` each time.
   */
  | { readonly type: 'resume', readonly topics: Readonly<Record<string, string>> }
  /** The server answers with `ping`. */
  | { readonly type: 'ping' }
  /** Has a payload: a plain message that itself begins with NUL. */
  | { readonly type: 'send' }

export type LiveFrame = ServerFrame | ClientFrame

/** The frames that have a payload. */
export type PayloadFrame = Extract<LiveFrame, { readonly type: 'message' | 'send' }>

/** A decoded frame. */
export interface ReceivedFrame<Head extends LiveFrame> {
  readonly head: Head
  /** '' for a frame without a payload. */
  readonly payload: string | Uint8Array<ArrayBuffer>
}

/** Whether a message is a frame rather than a plain payload. */
export function isFrame (message: string | Uint8Array): boolean {
  return typeof message === 'string' ? message.charCodeAt(0) === 0 : message[0] === 0
}

/** Encodes a frame: as a string, or as bytes if the payload is binary. */
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

/** Reads a frame of the server, in the way of `readClientFrame()`. */
export function readServerFrame (message: string | Uint8Array<ArrayBuffer>): ReceivedFrame<ServerFrame> | undefined {
  return readFrame(message, SERVER_FIELDS) as ReceivedFrame<ServerFrame> | undefined
}

/**
 * Reads a frame of a client. Never throws: returns undefined for a plain message, a malformed frame, and an unknown
 * type. A binary payload is a view of `message`. Unknown properties of the head are kept.
 */
export function readClientFrame (message: string | Uint8Array<ArrayBuffer>): ReceivedFrame<ClientFrame> | undefined {
  const frame = readFrame(message, CLIENT_FIELDS) as ReceivedFrame<ClientFrame> | undefined
  // A list of one string is a key of an object like that string.
  if (typeof frame?.head.type !== 'string') return
  if (frame.head.type !== 'resume') return frame
  return Object.values(frame.head.topics).every((cursor) => typeof cursor === 'string') ? frame : undefined
}

/** The required properties of a head, each with a value of its type. */
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
    // `hasOwn`, because a peer may send the name of an inherited property.
    const fields = Object.hasOwn(types, head.type) && Object.entries(types[head.type]!)
    // Frames with a payload have a line feed, even if the payload is empty; others have none.
    if (!fields || (end >= 0) !== (head.type === 'message' || head.type === 'send')) return
    if (fields.some(([name, example]) => head[name] === null || typeof head[name] !== typeof example)) return
    return { head, payload: end < 0 ? '' : isText ? message.slice(end + 1) : message.subarray(end + 1) }
  } catch {
    // Neither JSON, UTF-8 nor an object.
  }
}
