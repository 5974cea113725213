import type { Publication, TopicMessage } from './engine.js'

/**
 * A publication as an engine's server carries it:
 *
 *   flags (1) · length of id (4) · length of kind (4) · id · kind · data
 *
 * The id is left out where it is the tag of the cursor, which goes along anyway.
 */
const IS_BINARY = 1
const IS_NOT_COMPRESSIBLE = 2
const HEAD = 9

export function encodeEnvelope ({ id, data, isBinary, kind, isCompressible = true }: Publication, tag: string): Buffer {
  const idSize = id === tag ? 0 : Buffer.byteLength(id)
  const kindSize = kind === '' ? 0 : Buffer.byteLength(kind)
  const bytes = Buffer.allocUnsafe(HEAD + idSize + kindSize + data.length)
  bytes[0] = (isBinary ? IS_BINARY : 0) | (isCompressible ? 0 : IS_NOT_COMPRESSIBLE)
  bytes.writeUInt32BE(idSize, 1)
  bytes.writeUInt32BE(kindSize, 5)
  if (idSize > 0) bytes.write(id, HEAD, idSize)
  if (kindSize > 0) bytes.write(kind, HEAD + idSize, kindSize)
  bytes.set(data, HEAD + idSize + kindSize)
  return bytes
}

/** @param from where the envelope begins; it reaches to the end of the bytes */
export function decodeEnvelope (bytes: Buffer, from: number, cursor: string, prev: string, tag: string): TopicMessage {
  const idEnd = from + HEAD + bytes.readUInt32BE(from + 1)
  const kindEnd = idEnd + bytes.readUInt32BE(from + 5)
  return {
    id: idEnd === from + HEAD ? tag : bytes.toString('utf8', from + HEAD, idEnd),
    data: bytes.subarray(kindEnd),
    isBinary: (bytes[from]! & IS_BINARY) !== 0,
    isCompressible: (bytes[from]! & IS_NOT_COMPRESSIBLE) === 0,
    kind: kindEnd === idEnd ? '' : bytes.toString('utf8', idEnd, kindEnd),
    cursor,
    prev
  }
}
