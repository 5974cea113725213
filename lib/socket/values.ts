import { EMPTY_PAYLOAD } from '../codec/payload.js'
import { PreparedMessage, type ValueWriter } from '../codec/prepared-message.js'
import { isBinaryByDefault, toBuffer, type Sendable } from './sendable.js'

/** The argument of `prepare()` and `broadcast()` if routes have a `schema.send`: any value that JSON can represent. */
export type Value = Sendable | object | boolean | null

/** Parses messages, for a route with `schema.message`. */
export interface Inbound {
  /** Whether binary messages are passed on unchanged. */
  readonly passesBinary: boolean
  /**
   * Parses and validates a message.
   * @throws RefusedMessage, AsyncSchema, or an error of a custom validator
   */
  read (data: Buffer, isBinary: boolean): unknown
}

/** Serializes values, for a route with `schema.send`. */
export interface Outbound {
  /**
   * Returns the JSON text of a value.
   * @throws ValueNotSent
   */
  write (value: unknown): string
}

/**
 * One value for many receivers. Sockets of routes with `schema.send` get the JSON text by their schema; other sockets
 * get the value as data. Each form is created when the first receiver needs it.
 */
export class PreparedValue extends PreparedMessage {
  readonly #value: Value
  readonly #forms = new Map<ValueWriter | undefined, PreparedMessage>()

  /** @param value must not change until all receivers have been sent it */
  constructor (value: Value, isCompressible: boolean) {
    super(EMPTY_PAYLOAD, false, isCompressible)
    this.#value = value
  }

  /** @throws ValueNotSent, NotSendable */
  override formFor (writer: ValueWriter | undefined): PreparedMessage {
    let form = this.#forms.get(writer)
    if (form === undefined) {
      form = this.#create(writer)
      this.#forms.set(writer, form)
    }
    return form
  }

  #create (writer: ValueWriter | undefined): PreparedMessage {
    if (writer !== undefined) {
      return new PreparedMessage(Buffer.from(writer.write(this.#value)), false, this.isCompressible)
    }
    const data = this.#value as Sendable
    return new PreparedMessage(toBuffer(data), isBinaryByDefault(data), this.isCompressible)
  }
}
