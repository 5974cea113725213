import { nextTick } from '../timers.js'
import { SharedFrames } from './shared-frames.js'

/** A transport, as far as it is used here. */
export interface Flushable {
  /** Sends the bytes queued during this tick, or during the chunk being read. */
  flush (): void
}

// The transports to flush at the end of the tick, and those being flushed.
let scheduled: Flushable[] = []
let flushing: readonly Flushable[] = []
// The transport whose chunk is being read. It is flushed at the end of the chunk, without being scheduled.
let reading: Flushable | undefined
let open = 0

/** Flushes a transport at the end of this tick. */
export function flushLater (transport: Flushable): void {
  if (scheduled.push(transport) === 1) nextTick(flushScheduled)
}

function flushScheduled (): void {
  flushing = scheduled
  scheduled = []
  for (const transport of flushing) transport.flush()
  flushing = []
  SharedFrames.release()
}

/** Sets the transport whose bytes are being read, if any. */
export function setReading (transport: Flushable | undefined): void {
  reading = transport
}

// `process.exit()` ends the tick before the flush. While there are sockets, one listener flushes them on exit.

export function transportOpened (): void {
  if (open++ === 0) process.on('exit', flushAll)
}

export function transportClosed (): void {
  if (--open === 0) process.off('exit', flushAll)
}

function flushAll (): void {
  reading?.flush()
  for (const transport of [...flushing, ...scheduled]) transport.flush()
}
