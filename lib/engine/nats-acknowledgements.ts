import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { EngineRefused } from '../errors.js'
import { randomTag, tagIn } from './cursor.js'
import { cursorOf } from './nats-messages.js'
import type { TopicSubjects } from './nats-subjects.js'

/** A message for the stream. */
export interface Outbound {
  readonly subjects: TopicSubjects
  /** The part of its cursor that follows the sequence. */
  readonly stamp: string
  readonly payload: Buffer
}

interface Acknowledgement {
  resolve (cursor: string | Promise<string>): void
  reject (error: unknown): void
  readonly stamp: string
}

interface Answer {
  readonly seq: number
  /** Whether the id was known already. */
  readonly duplicate?: boolean
  readonly error?: { readonly code: number, readonly description: string }
}

/** Sends messages to the stream. The server acknowledges each one to a subject of its own. */
export class NatsAcknowledgements {
  readonly #engine: string
  readonly #readCursor: (sequence: number) => Promise<string>
  readonly #pending = new Map<string, Acknowledgement>()
  readonly #inbox = `_INBOX.${randomTag()}`
  #published = 0

  /**
   * @param engine the name of the engine, for errors
   * @param readCursor reads the cursor of a stored message; rejects if there is none
   */
  constructor (engine: string, readCursor: (sequence: number) => Promise<string>) {
    this.#engine = engine
    this.#readCursor = readCursor
  }

  /** Receives the acknowledgements that arrive over a connection. */
  receiveFrom (connection: NatsConnection): void {
    connection.subscribe(`${this.#inbox}.*`, { callback: (_error, message) => this.#receive(message) })
  }

  /** Forgets the messages in flight, because the connection is broken. Their promises never settle. */
  forget (): void {
    this.#pending.clear()
  }

  /** Resolves with the cursor of the message. */
  publish (connection: NatsConnection, headers: MsgHdrs, { subjects, stamp, payload }: Outbound): Promise<string> {
    return new Promise((resolve, reject) => {
      headers.set('Nats-Msg-Id', `${tagIn(stamp)}:${subjects.digest}`)
      const number = (++this.#published).toString(36)
      this.#pending.set(number, { resolve, reject, stamp })
      try {
        connection.publish(subjects.publish, payload, { headers, reply: `${this.#inbox}.${number}` })
      } catch (error) {
        this.#pending.delete(number)
        // The client refuses to send the message, for example because it is too large.
        const { name, message } = error as Error
        reject(name === 'InvalidArgumentError' ? new EngineRefused(this.#engine, message) : error)
      }
    })
  }

  #receive (message: Msg): void {
    const number = message.subject.slice(this.#inbox.length + 1)
    const acknowledgement = this.#pending.get(number)
    if (acknowledgement === undefined) return
    this.#pending.delete(number)
    // An empty answer means that no stream listens, because JetStream is not ready yet.
    if (message.data.length === 0) {
      acknowledgement.reject(new Error('no responders'))
      return
    }
    const { seq, duplicate, error } = message.json<Answer>()
    if (error === undefined) {
      const cursor = cursorOf(seq, acknowledgement.stamp)
      // The first message with this id may have been published at another time. If it is no longer stored, its sequence
      // is enough: reading after such a cursor returns everything from the sequence on.
      acknowledgement.resolve(duplicate === true ? this.#readCursor(seq).catch(() => cursor) : cursor)
    } else if (error.code === 503) acknowledgement.reject(new Error(error.description))
    else acknowledgement.reject(new EngineRefused(this.#engine, error.description))
  }
}
