import type { Duplex } from 'node:stream'
import { isHttp2Stream } from './http2.js'

/** The most bytes written to an HTTP/2 stream at a time. */
export const PIECE_SIZE = 65_536

type Written = (error?: Error | null) => void

/** Writes bytes at once, or in pieces to an HTTP/2 stream. */
export function writeTo (stream: Duplex, bytes: Buffer | readonly Buffer[], length: number, written: Written): void {
  if (length > PIECE_SIZE && isHttp2Stream(stream)) {
    writeInPieces(stream, bytes, written)
  } else if (Buffer.isBuffer(bytes)) {
    stream.write(bytes, written)
  } else {
    stream.cork()
    const last = bytes.length - 1
    for (let i = 0; i < last; i++) stream.write(bytes[i])
    stream.write(bytes[last], written)
    stream.uncork()
  }
}

/**
 * Writes piece by piece, each after the last one was sent. An HTTP/2 session counts the bytes written to its streams
 * and refuses new streams above 10 MiB (`maxSessionMemory`): one slow socket would lock out its client.
 */
function writeInPieces (stream: Duplex, bytes: Buffer | readonly Buffer[], written: Written): void {
  const parts = Buffer.isBuffer(bytes) ? [bytes] : bytes
  let index = 0
  let at = 0
  const next: Written = (error) => {
    if (error != null || index === parts.length) {
      written(error)
      return
    }
    let room = PIECE_SIZE
    stream.cork()
    while (room > 0 && index < parts.length) {
      const part = parts[index] as Buffer
      const piece = part.subarray(at, at + room)
      room -= piece.length
      at += piece.length
      if (at === part.length) {
        index++
        at = 0
      }
      stream.write(piece, room === 0 || index === parts.length ? next : undefined)
    }
    stream.uncork()
  }
  next()
}
