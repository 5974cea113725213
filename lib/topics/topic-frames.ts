import { PreparedMessage } from '../codec/prepared-message.js'
import type { TopicMessage } from '../engine/engine.js'
import { encodeFrame, type ServerFrame } from './frames.js'

/** A message of the live subprotocol. */
class LiveFrame extends PreparedMessage {
  override get isFrame (): boolean {
    return true
  }
}

/** The forms in which a message of a topic leaves this process: each is encoded once, for all its receivers. */
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

  /** For a socket that does not speak the live subprotocol: the payload as it is. */
  get plain (): PreparedMessage {
    return (this.#plain ??= new PreparedMessage(this.message.data, this.message.isBinary, this.message.isCompressible ?? true))
  }

  /** For a socket that does: with its topic, its cursor and that of its predecessor. */
  get live (): PreparedMessage {
    return (this.#live ??= this.#encodeLive())
  }

  #encodeLive (): PreparedMessage {
    const { cursor, data } = this.message
    const bytes = encodeFrame({ type: 'message', topic: this.#topic, cursor, prev: this.#prev }, data)
    const { isBinary, isCompressible = true } = this.message
    return new LiveFrame(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), isBinary, isCompressible)
  }
}

/** A frame without a payload. */
export function prepareFrame (frame: Exclude<ServerFrame, { type: 'message' | 'send' }>): PreparedMessage {
  return new LiveFrame(Buffer.from(encodeFrame(frame)), false, true)
}
