import type { ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { timers } from '../timers.js'

// Streams of HTTP/2 need special treatment, because they share a connection.

// RFC 9113 §7
const CANCEL = 8

// How long a client may keep its side open after ours has ended, in milliseconds.
const END_TIMEOUT = 1_000

export function isHttp2Stream (stream: Duplex): stream is ServerHttp2Stream {
  return 'rstCode' in stream
}

/**
 * Destroys a stream of any kind. RFC 8441 §5 maps a TCP reset to CANCEL; destroying an HTTP/2 stream sends NO_ERROR,
 * which is an ordinary end.
 */
export function destroyStream (stream: Duplex): void {
  if (isHttp2Stream(stream)) stream.close(CANCEL)
  stream.destroy()
}

/**
 * Ends our side of a stream of any kind. An HTTP/2 client may keep its side open and report the end only when the
 * stream is closed, as undici does, so the stream is closed after a timeout (RFC 9113 §8.1).
 */
export function endStream (stream: Duplex, timeout = END_TIMEOUT): void {
  stream.end()
  if (!isHttp2Stream(stream)) return
  const timer = timers.setTimeout(() => { stream.close() }, timeout)
  stream.once('close', () => { timers.clearTimeout(timer) })
}

/** Returns a number that changes while the peer reads queued bytes; 0 if none are queued. */
export function progressOf (stream: ServerHttp2Stream): number {
  const { session, writableLength } = stream
  if (session === undefined || writableLength === 0) return 0
  // When the peer opens the window, it sends bytes and receives ours.
  return writableLength + session.socket.bytesRead + session.socket.bytesWritten
}
