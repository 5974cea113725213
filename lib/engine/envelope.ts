import type { Publication, TopicMessage } from './engine.js'

/**
 * The wire format of a publication on an engine's server:
 *
 *   flags (1) · length of id (4) · length of kind (4) · id · kind · data
 *
 * The id is omitted if it equals the tag of the cursor, which is sent anyway.
 */
const IS_BINARY = 1
const IS_NOT_COMPRESSIBLE = 2
const HEAD = 9

const sizeOf = (text: string): number => text === '' ? 0 : Buffer.byteLength(text)

export function envelopeSize ({ id, data, kind }: Publication, tag: string): number {
  return HEAD + (id === tag ? 0 : sizeOf(id)) + sizeOf(kind) + data.length
}

/** Writes an envelope into `bytes`, which must have room for it. Returns the offset of its end. */
export function writeEnvelope (
  bytes: Buffer, at: number, { id, data, isBinary, kind, isCompressible = true }: Publication, tag: string
): number {
  const idSize = id === tag ? 0 : sizeOf(id)
  const kindSize = sizeOf(kind)
  bytes[at] = (isBinary ? IS_BINARY : 0) | (isCompressible ? 0 : IS_NOT_COMPRESSIBLE)
  bytes.writeUInt32BE(idSize, at + 1)
  bytes.writeUInt32BE(kindSize, at + 5)
  const idEnd = at + HEAD + idSize
  const kindEnd = idEnd + kindSize
  if (idSize > 0) bytes.write(id, at + HEAD, idSize)
  if (kindSize > 0) bytes.write(kind, idEnd, kindSize)
  bytes.set(data, kindEnd)
  return kindEnd + data.length
}

/** Decodes the envelope from `from` to `end`. */
export function decodeEnvelope (
  bytes: Buffer, from: number, end: number, cursor: string, prev: string, tag: string
): TopicMessage {
  const idEnd = from + HEAD + bytes.readUInt32BE(from + 1)
  const kindEnd = idEnd + bytes.readUInt32BE(from + 5)
  return {
    id: idEnd === from + HEAD ? tag : bytes.toString('utf8', from + HEAD, idEnd),
    data: bytes.subarray(kindEnd, end),
    isBinary: (bytes[from]! & IS_BINARY) !== 0,
    isCompressible: (bytes[from]! & IS_NOT_COMPRESSIBLE) === 0,
    kind: kindEnd === idEnd ? '' : bytes.toString('utf8', idEnd, kindEnd),
    cursor,
    prev
  }
}
