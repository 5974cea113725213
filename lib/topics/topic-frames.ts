import { PreparedMessage } from '../codec/prepared-message.js'
import type { TopicMessage } from '../engine/engine.js'
import { encodeFrame, type ServerFrame } from './frames.js'

/** A frame of the live subprotocol, prepared for many sockets. */
class PreparedFrame extends PreparedMessage {
  override get isFrame (): boolean {
    return true
  }
}

/** A message of a topic, encoded once for all its receivers in each form. */
export class TopicDelivery {
  readonly message: TopicMessage
  readonly #topic: string
  readonly #prev: string
  #plain: PreparedMessage | undefined
  #live: PreparedMessage | undefined

  /** @param prev the cursor of the last message that the receivers were sent */
  constructor (topic: string, message: TopicMessage, prev: string) {
    this.#topic = topic
    this.#prev = prev
    this.message = message
  }

  /** The payload, for sockets without the live subprotocol. */
  get plain (): PreparedMessage {
    const { data, isBinary, isCompressible = true } = this.message
    return (this.#plain ??= new PreparedMessage(data, isBinary, isCompressible))
  }

  /** The payload with its topic and cursors, for live sockets. */
  get live (): PreparedMessage {
    return (this.#live ??= this.#encodeLive())
  }

  #encodeLive (): PreparedMessage {
    const { cursor, data } = this.message
    const bytes = encodeFrame({ type: 'message', topic: this.#topic, cursor, prev: this.#prev }, data)
    const { isBinary, isCompressible = true } = this.message
    return new PreparedFrame(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), isBinary, isCompressible)
  }
}

/** Prepares a frame without a payload. */
export function prepareFrame (frame: Exclude<ServerFrame, { type: 'message' | 'send' }>): PreparedMessage {
  return new PreparedFrame(Buffer.from(encodeFrame(frame)), false, true)
}
