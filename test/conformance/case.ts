import { BINARY, CONTINUATION, PING, PONG, TEXT } from '../../lib/codec/opcode.js'
import { clientFrame } from '../fixtures/frames.js'

/** A message, or a control frame, as it is before it is cut into frames. */
export interface Message {
  readonly opcode: number
  readonly payload: Buffer
}

/** One step of a conversation. */
export type Step =
  /** Bytes as they are: a chop, behind which the event loop turns once. */
  | { readonly send: Buffer }
  /** A message, compressed if that was agreed on, in frames of at most `fragment` bytes. */
  | { readonly say: Message, readonly fragment: number }
  /** What the server must send next. */
  | { readonly receive: Message }

/** How a conversation ends. */
export type Ending =
  /** The client closes with 1000, and gets that back. */
  | 'closes'
  /** The client has sent a close frame: its payload comes back. */
  | { readonly answers: Buffer }
  /** The server fails the connection with this code, however long the client waits. */
  | { readonly fails: number }

export interface Case {
  /** The number that the case has in the catalogue of Autobahn. */
  readonly id: string
  /** The section that decides. */
  readonly rfc: string
  readonly does: string
  /** The value of Sec-WebSocket-Extensions to offer. */
  readonly offer?: string
  /** Whether RFC 6455 leaves open what happens. What we do is checked all the same. */
  readonly isInformational?: boolean
  readonly script: () => Iterable<Step>
  readonly ending: Ending
}

export const NOTHING = Buffer.alloc(0)
export const text = (payload: string | Buffer): Message => ({ opcode: TEXT, payload: Buffer.from(payload) })
export const binary = (payload: Buffer): Message => ({ opcode: BINARY, payload })
export const pong = (payload: string | Buffer = NOTHING): Message => ({ opcode: PONG, payload: Buffer.from(payload) })

export const textFrame = (payload: string | Buffer, fin = true): Buffer => clientFrame(TEXT, payload, { fin })
export const binaryFrame = (payload: Buffer, fin = true): Buffer => clientFrame(BINARY, payload, { fin })
export const continuation = (payload: string | Buffer, fin = true): Buffer => clientFrame(
  CONTINUATION, payload, { fin }
)
export const pingFrame = (payload: string | Buffer = NOTHING, fin = true): Buffer => clientFrame(PING, payload, { fin })
export const pongFrame = (payload: string | Buffer = NOTHING, fin = true): Buffer => clientFrame(PONG, payload, { fin })

/** A frame whose first byte is this one. */
export function oddFrame (first: number, payload: string | Buffer = NOTHING): Buffer {
  const frame = clientFrame(0, payload)
  frame[0] = first
  return frame
}

/** How the frames of a case are cut into chops: all in one, one for each, or one for each octet. */
export type Chopping = 'one chop' | 'frame by frame' | 'octet by octet'
export const CHOPPINGS: readonly Chopping[] = ['one chop', 'frame by frame', 'octet by octet']

export function chop (frames: readonly Buffer[], chopping: Chopping): Buffer[] {
  if (chopping === 'frame by frame') return [...frames]
  const all = Buffer.concat(frames)
  return chopping === 'one chop' ? [all] : chopBy(all, 1)
}

export function chopBy (bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
}

/** Sends all these chops, and then receives all these messages. */
export const exchange = (chops: readonly Buffer[], received: readonly Message[] = []) => (): Step[] => [
  ...chops.map((send) => ({ send })), ...received.map((receive) => ({ receive }))
]
