import type { PreparedMessage } from '../codec/prepared-message.js'
import type { Fault } from '../errors.js'
import type { Version } from '../versions.js'

/**
 * The states of a connection's protocol. The protocol does no I/O: bytes come in through `receive()`, events go out
 * through the Sink and bytes through the Output.
 *
 *   ┌──────┐  close(), or a close frame received   ┌─────────┐  close frames sent and received   ┌────────┐
 *   │ open │ ────────────────────────────────────▶ │ closing │ ────────────────────────────────▶ │ closed │
 *   └──────┘                                       └─────────┘                                   └────────┘
 *       │                                               │                                             ▲
 *       └───────────────────────────────────────────────┴─────────────────────────────────────────────┘
 *                     fault (sends a close frame), end of the peer's stream, or abort()
 *
 * `sink.end()` is called on the way to `closed`; hixie-75, which has no close frame, calls it in close(). A close frame
 * waits for messages that are being compressed, so `closing` may begin before it is sent. Input after the peer's close
 * frame is discarded.
 */
export type ProtocolState = 'open' | 'closing' | 'closed'

/** Receives the events of a protocol. */
export interface Sink {
  /**
   * Called with each whole message. `data` belongs to the sink; text is valid UTF-8.
   * @returns whether the next message may follow at once
   */
  message (data: Buffer, isBinary: boolean): boolean
  ping (data: Buffer): void
  pong (data: Buffer): void
  /** Called when the peer violates the protocol: at most once, before `end()`. */
  fault (error: Fault): void
  /** Called when a message goes to the thread pool: pass no bytes to `receive()` until `resumeInput()` is called. */
  pauseInput (): void
  resumeInput (): void
  /** Called once, when nothing more will be sent: end this side of the stream after the queued bytes. */
  end (): void
}

export interface Protocol {
  readonly version: Version
  readonly state: ProtocolState
  /**
   * The code of the close frame received: 1005 if it had none, 1006 if none was received (RFC 6455 §7.1.5). For
   * hixie-75, which has no close frame, it is 1005 if the stream ended between two frames.
   */
  readonly closeCode: number
  readonly closeReason: Buffer
  /** The limits of messages. A change applies to messages that begin later. */
  limits: Limits
  /** Payload bytes that are being compressed in the thread pool, or wait behind such a message. */
  readonly compressing: number
  /** Whether the last frame sent was a fragment, and the message is incomplete. */
  readonly isSendingFragments: boolean

  /**
   * Processes the first `length` bytes of the receive buffer. They are unmasked in place, and no view of them is kept.
   * @returns the number of bytes processed. Pass the others again when the sink accepts messages, input is not paused
   * and a new budget is granted.
   */
  receive (length: number): number
  /** Call this when the peer's stream has ended and all its bytes were processed. */
  receiveEnd (): void
  /** Closes at once, without a close frame. */
  abort (): void

  /**
   * Sends a message, or one of its fragments. Fragments are not compressed.
   * @param fin whether this is the last frame of the message
   * @returns the length of the payload in bytes
   * @throws NotSupported, InvalidText if this version cannot carry the payload
   */
  send (payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean): number
  /**
   * Sends a prepared message.
   * @throws NotSupported, InvalidText if this version cannot carry the payload
   */
  sendMessage (message: PreparedMessage): void
  /** Calls back when everything sent so far is in the output: now, unless a message is in the thread pool. */
  whenOutput (callback: () => void): void
  /** @throws NotSupported, ControlTooLong */
  ping (payload: Buffer): void
  /** @throws NotSupported, ControlTooLong */
  pong (payload: Buffer): void
  /** Call this when a stalled output has drained. Answers the newest ping received meanwhile. */
  drained (): void
  /**
   * Starts the closing handshake. Does nothing unless the state is 'open'.
   * @throws BadCloseCode, CloseReasonTooLong
   */
  close (code?: number, reason?: string | Buffer): void
}

/** The limits of one message. */
export interface Limits {
  /** In bytes. */
  readonly maxPayload: number
  /** The number of frames. */
  readonly maxFragments: number
}
