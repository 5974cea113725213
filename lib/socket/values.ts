import { PreparedMessage, type ValueWriter } from '../codec/prepared-message.js'
import { isBinaryByDefault, toBuffer, type Sendable } from './sendable.js'

/** What `prepare()` and `broadcast()` take where routes have a `schema.send`: whatever has a JSON form. */
export type Value = Sendable | object | boolean | null

/** What a route with `schema.message` does with a message. */
export interface Inbound {
  /** Whether binary messages are handed on as they are. */
  readonly passesBinary: boolean
  /**
   * @returns the value of a message
   * @throws RefusedMessage, AsyncSchema, and what a custom validator throws
   */
  read (data: Buffer, isBinary: boolean): unknown
}

/** What a route with `schema.send` does with a value. */
export interface Outbound {
  /**
   * @returns the JSON text that is sent
   * @throws ValueNotSent
   */
  write (value: unknown): string
}

const NOTHING = Buffer.alloc(0)

/**
 * One value for many: the sockets of each `schema.send` get the JSON text that the schema makes of it, those of other
 * routes get it as data. Each form is made when the first receiver needs it.
 */
export class PreparedValue extends PreparedMessage {
  readonly #value: Value
  readonly #forms = new Map<ValueWriter | undefined, PreparedMessage>()

  /** @param value must not change until all receivers have it */
  constructor (value: Value, isCompressible: boolean) {
    super(NOTHING, false, isCompressible)
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
    if (writer !== undefined) return new PreparedMessage(Buffer.from(writer.write(this.#value)), false, this.isCompressible)
    const data = this.#value as Sendable
    return new PreparedMessage(toBuffer(data), isBinaryByDefault(data), this.isCompressible)
  }
}
