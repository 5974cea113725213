import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { json, noise } from '../payload.js'
import type { Row } from '../rows.js'
import type { Connection, Target } from './connection.js'
import { BINARY, clientFrame, COMPRESSED, decodeFrame, TEXT } from './frames.js'
import { HeldConnections, type Facts, type Load } from './load.js'
import type { Meter } from './meter.js'

// RFC 7692 §7.2.1: these bytes at the end of a flushed block are not sent.
const BLOCK_END = Buffer.from([0x00, 0x00, 0xff, 0xff])

/**
 * Each connection sends a batch of all messages that may be in flight in one write, and the next batch when the last
 * byte of the answers has arrived. Only the first answer is decoded, later bytes are counted.
 */
export class EchoLoad extends HeldConnections implements Load {
  readonly #payload: Buffer
  readonly #frame: Buffer
  readonly #batch: Buffer
  /** The length of the answers to a batch, in bytes; known after the first answer. */
  #expected = Infinity

  constructor (row: Row, target: Target, meter: Meter) {
    super(row, target, meter)
    this.#payload = row.deflate ? json(row.size) : noise(row.size)
    this.#frame = row.deflate
      ? clientFrame(TEXT | COMPRESSED, deflate(this.#payload))
      : clientFrame(BINARY, this.#payload)
    this.#batch = Buffer.concat(new Array<Buffer>(row.inFlight).fill(this.#frame))
  }

  async check (): Promise<Facts> {
    const connection = this.connections[0] as Connection
    if (this.row.deflate && !/^sec-websocket-extensions: permessage-deflate/im.test(connection.head)) {
      return { note: 'not negotiated' }
    }
    const answer = await connection.converse(this.#frame, (bytes) => decodeFrame(bytes) !== undefined)
    this.reattach([connection])
    const frame = decodeFrame(answer)
    if (frame === undefined || frame.length !== answer.length) {
      throw new Error('more than one frame answered one message')
    }
    const isCompressed = (frame.first & COMPRESSED) !== 0
    const payload = isCompressed
      ? inflateRawSync(Buffer.concat([frame.payload, BLOCK_END]), { finishFlush: constants.Z_SYNC_FLUSH })
      : frame.payload
    if ((frame.first & ~COMPRESSED) !== (this.row.deflate ? TEXT : BINARY) || !payload.equals(this.#payload)) {
      throw new Error('the echo differs from the message')
    }
    this.#expected = this.row.inFlight * frame.length
    if (!this.row.deflate) return {}
    return isCompressed ? { ratio: frame.payload.length / payload.length } : { note: 'not compressed' }
  }

  start (): void {
    this.isRunning = true
    this.pending = this.connections.length
    for (const connection of this.connections) this.#send(connection, performance.now())
  }

  #send (connection: Connection, now: number): void {
    connection.received = 0
    connection.since = now
    connection.socket.write(this.#batch)
  }

  protected override attach (connection: Connection): void {
    connection.onBytes = (length) => {
      connection.received += length
      if (connection.received < this.#expected) return
      if (connection.received > this.#expected) {
        connection.socket.destroy(new Error('the answers are longer than expected'))
        return
      }
      const now = performance.now()
      this.meter.record(this.row.inFlight, connection.since, now)
      if (this.isRunning) this.#send(connection, now)
      else this.finishOne()
    }
  }
}

function deflate (payload: Buffer): Buffer {
  const block = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH })
  return block.subarray(0, block.length - BLOCK_END.length)
}
