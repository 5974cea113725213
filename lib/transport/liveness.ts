import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isHttp2Stream, progressOf } from './http2.js'

// What the connection below tells of the peer when no byte of it comes.

/** The native side of a stream; Node's own idle timeout of a socket looks at the same figure. */
interface WithHandle {
  _handle?: { readonly writeQueueSize?: unknown } | null
}

/**
 * Bytes written that the kernel has not taken: they get fewer as the peer reads. 0 where nothing is known. Over HTTP/2
 * what waits cannot be seen getting fewer: there it is another figure that changes with it.
 */
export function unsentBytes (stream: Duplex): number {
  if (isHttp2Stream(stream)) return progressOf(stream)
  const size = (stream as WithHandle)._handle?.writeQueueSize
  return typeof size === 'number' ? size : stream.writableLength
}

/** Has the kernel ask a silent peer whether it is there, as far as there is a kernel below. */
export function keepAlive (stream: Duplex, delay: number): void {
  if (stream instanceof Socket) stream.setKeepAlive(true, delay)
}
