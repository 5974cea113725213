import { nextTick } from '../timers.js'
import { SharedFrames } from './shared-frames.js'

/** A transport as this file knows it. */
export interface Flushable {
  /** Sends what waits for the end of the tick, or of the chunk that is being read. */
  flush (): void
}

// Those with something to send at the end of the tick, and those that are being flushed.
let scheduled: Flushable[] = []
let flushing: readonly Flushable[] = []
// Sends at the end of the chunk, without being scheduled.
let reading: Flushable | undefined
let open = 0

/** Flushes a transport when this tick ends. */
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

/** Says whose bytes are being read, or that nobody's are. */
export function setReading (transport: Flushable | undefined): void {
  reading = transport
}

// `process.exit()` ends the tick in which something was sent: one listener, as long as there are sockets.

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
