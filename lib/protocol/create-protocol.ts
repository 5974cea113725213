import type { Output } from '../codec/encoder.js'
import type { Compression } from './compression.js'
import { Hixie } from './hixie.js'
import type { Limits, Protocol, Sink } from './protocol.js'
import { isHixie, type Version } from '../versions.js'
import { Rfc6455 } from './rfc6455.js'

/** Creates the protocol of the negotiated version. */
export function createProtocol (
  version: Version, sink: Sink, output: Output, limits: Limits, compression?: Compression
): Protocol {
  return isHixie(version)
    ? new Hixie(sink, output, limits, version)
    : new Rfc6455(sink, output, limits, version, compression)
}
