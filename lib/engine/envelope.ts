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

/** @param from the offset of the envelope, which extends to the end of `bytes` */
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
