import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isHttp2Stream, progressOf } from './http2.js'

// Signs of life from a peer that sends nothing.

/** The native side of a stream. The idle timeout of net.Socket uses the same property. */
interface WithHandle {
  _handle?: { readonly writeQueueSize?: unknown } | null
}

/**
 * Returns the number of bytes written that the kernel has not taken: it decreases as the peer reads, and is 0 if
 * unknown. Over HTTP/2, which does not reveal it, this is another number that changes as the peer reads.
 */
export function unsentBytes (stream: Duplex): number {
  if (isHttp2Stream(stream)) return progressOf(stream)
  const size = (stream as WithHandle)._handle?.writeQueueSize
  return typeof size === 'number' ? size : stream.writableLength
}

/**
 * Enables TCP keep-alive, if the stream is a TCP socket.
 * @param delay how long the peer may be silent, in milliseconds
 */
export function keepAlive (stream: Duplex, delay: number): void {
  if (stream instanceof Socket) stream.setKeepAlive(true, delay)
}
