import type { ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { timers } from '../timers.js'

// What a stream of HTTP/2 asks for, since it shares its connection with others.

// RFC 9113 §7
const CANCEL = 8

// How long a client may take to end its side after ours, in milliseconds.
const PATIENCE = 1_000

export function isHttp2Stream (stream: Duplex): stream is ServerHttp2Stream {
  return 'rstCode' in stream
}

/**
 * Cuts a stream of any kind. RFC 8441 §5 has CANCEL stand for the reset of a TCP connection; one that is only destroyed
 * says NO_ERROR, which is an ordinary end.
 */
export function cut (stream: Duplex): void {
  if (isHttp2Stream(stream)) stream.close(CANCEL)
  stream.destroy()
}

/**
 * Ends our side of a stream of any kind. A client of HTTP/2 may keep its own side open for ever, and tell of the end only
 * when the stream is gone (undici does): after a moment it is told to stop (RFC 9113 §8.1).
 */
export function end (stream: Duplex, patience = PATIENCE): void {
  stream.end()
  if (!isHttp2Stream(stream)) return
  const timer = timers.setTimeout(() => { stream.close() }, patience)
  stream.once('close', () => { timers.clearTimeout(timer) })
}

/** A figure that changes while the peer takes what waits for it; 0 where nothing waits. */
export function progressOf (stream: ServerHttp2Stream): number {
  const { session, writableLength } = stream
  // A window that opens brings bytes of the peer, and lets bytes of ours go.
  return session === undefined || writableLength === 0 ? 0 : writableLength + session.socket.bytesRead + session.socket.bytesWritten
}
