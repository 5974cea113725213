import { BINARY, CONTINUATION, PING, PONG, TEXT } from '../../lib/codec/opcode.js'
import { clientFrame } from '../fixtures/frames.js'

/** A message or control frame, before it is split into frames. */
export interface Message {
  readonly opcode: number
  readonly payload: Buffer
}

/** One step of a conversation. */
export type Step =
  /** Bytes to send unchanged, in one chop. The event loop turns once after it. */
  | { readonly send: Buffer }
  /** A message to send in frames of at most `fragment` bytes, compressed if both sides agreed on it. */
  | { readonly say: Message, readonly fragment: number }
  /** The message that the server must send next. */
  | { readonly receive: Message }

/** How a conversation ends. */
export type Ending =
  /** The client closes with 1000, and the server answers with the same. */
  | 'closes'
  /** The client has sent a close frame, which the server answers with this payload. */
  | { readonly answers: Buffer }
  /** The server fails the connection with this code, however long the client waits. */
  | { readonly fails: number }

export interface Case {
  /** The number that the case has in the catalogue of Autobahn. */
  readonly id: string
  /** The section that defines the result. */
  readonly rfc: string
  readonly description: string
  /** The value of Sec-WebSocket-Extensions to offer. */
  readonly offer?: string
  /** Whether RFC 6455 does not define the result. Our result is checked all the same. */
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

/** Encodes a frame with the given first byte. */
export function oddFrame (first: number, payload: string | Buffer = NOTHING): Buffer {
  const frame = clientFrame(0, payload)
  frame[0] = first
  return frame
}

/** How the frames of a case are split into chops. */
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

/** A script that sends all chops, and then receives all messages. */
export const exchange = (chops: readonly Buffer[], received: readonly Message[] = []) => (): Step[] => [
  ...chops.map((send) => ({ send })), ...received.map((receive) => ({ receive }))
]
