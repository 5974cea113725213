import type { PreparedMessage } from '../codec/prepared-message.js'
import type { Fault } from '../errors.js'
import type { Version } from '../versions.js'

/**
 * A conversation, sans-I/O: bytes come in by `receive()`, events and bytes go out through the Sink.
 *
 *                 close()                      close of the peer
 *      ┌────────┐  close sent   ┌───────────┐   sink.end()   ┌────────┐
 *      │  open  │ ────────────▶ │  closing  │ ─────────────▶ │ closed │
 *      └────────┘               └───────────┘                └────────┘
 *          │        close of the peer: answered, sink.end()       ▲
 *          ├──────────────────────────────────────────────────────┤
 *          │        fault: sink.fault(), close sent, sink.end()   │
 *          └──────────────────────────────────────────────────────┘
 *
 * A fault, or the end of the peer's stream, leads from `closing` to `closed` as well. In `closed`
 * whatever arrives is discarded.
 */
export type ProtocolState = 'open' | 'closing' | 'closed'

/** What a conversation tells. */
export interface Sink {
  /**
   * A whole message. `data` belongs to the receiver; text is valid UTF-8.
   * @returns whether the next one may follow at once
   */
  message (data: Buffer, isBinary: boolean): boolean
  ping (data: Buffer): void
  pong (data: Buffer): void
  /** The peer broke a rule. Comes at most once, before `end()`. */
  fault (error: Fault): void
  /** A message is being decompressed elsewhere: no more bytes until it is done. */
  pauseInput (): void
  /** It is done: bytes may come again. */
  resumeInput (): void
  /** The conversation is over: what is queued leaves, then this side of the stream ends. Comes once. */
  end (): void
}

export interface Protocol {
  readonly version: Version
  readonly state: ProtocolState
  /**
   * The code of the close frame received; 1005 when it had none, 1006 when none came (RFC 6455 §7.1.5).
   * hixie-75, which has no closing handshake, ends with 1005 when the stream ends between two frames.
   */
  readonly closeCode: number
  readonly closeReason: Buffer
  /** Those of messages that begin from now on. */
  limits: Limits
  /** Payload bytes that were sent and are being compressed elsewhere, or wait behind such. */
  readonly compressing: number
  /** Whether the last frame sent was a fragment, which others have to follow. */
  readonly isSendingFragments: boolean

  /**
   * Bytes of the peer, the first `length` of the receive buffer. They are unmasked in place, and no view of them is kept.
   * @returns how many were taken. The others are to be handed over again, when the Sink takes messages, input is not
   * paused and there is a new budget.
   */
  receive (length: number): number
  /** The peer's stream ended, and all that came before was received. */
  receiveEnd (): void
  /** Ends the conversation where it stands: nothing more is told or sent. */
  abort (): void

  /**
   * Sends a message, or one fragment of it when `fin` is false. Fragments are not compressed.
   * @returns the length of the payload in bytes
   * @throws NotSupported, InvalidText where the version cannot carry the payload.
   */
  send (payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean): number
  /**
   * Sends a message that others are sent too.
   * @throws NotSupported
   */
  sendMessage (message: PreparedMessage): void
  /** Calls back when all that was sent has been handed to the output: now, if nothing is being compressed elsewhere. */
  whenOutput (callback: () => void): void
  /** @throws NotSupported, ControlTooLong */
  ping (payload: Buffer): void
  /** @throws NotSupported, ControlTooLong */
  pong (payload: Buffer): void
  /** What had to wait for the peer has left: the newest ping that came meanwhile is answered. */
  drained (): void
  /**
   * Begins the closing handshake; nothing when it has begun already.
   * @throws BadCloseCode, CloseReasonTooLong
   */
  close (code?: number, reason?: string | Buffer): void
}

/** The limits of a conversation, resolved when its route was registered. */
export interface Limits {
  /** Bytes of one message. */
  readonly maxPayload: number
  /** Fragments of one message. */
  readonly maxFragments: number
}
