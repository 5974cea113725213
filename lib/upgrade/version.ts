import { Hixie } from '../protocol/hixie.js'
import type { Limits, Protocol, Sink, Version } from '../protocol/protocol.js'
import { Rfc6455 } from '../protocol/rfc6455.js'

/** Begins a conversation in the version that was agreed on. */
export function createProtocol (version: Version, sink: Sink, limits: Limits): Protocol {
  return version === 'hixie-75' || version === 'hixie-76' ? new Hixie(sink, limits, version) : new Rfc6455(sink, limits, version)
}
