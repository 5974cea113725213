import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { EngineRefused } from '../errors.js'
import { randomTag } from './cursor.js'
import type { TopicSubjects } from './nats-subjects.js'

/** A message for the stream. */
export interface Outbound {
  readonly subjects: TopicSubjects
  readonly tag: string
  readonly payload: Buffer
}

interface Acknowledgement {
  resolve (cursor: string): void
  reject (error: unknown): void
  readonly tag: string
}

/** Sends messages to the stream. The server acknowledges each one to a subject of its own. */
export class NatsAcknowledgements {
  readonly #engine: string
  readonly #pending = new Map<string, Acknowledgement>()
  readonly #inbox = `_INBOX.${randomTag()}`
  #published = 0

  /** @param engine the name of the engine, for errors */
  constructor (engine: string) {
    this.#engine = engine
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
  publish (connection: NatsConnection, headers: MsgHdrs, { subjects, tag, payload }: Outbound): Promise<string> {
    return new Promise((resolve, reject) => {
      headers.set('Nats-Msg-Id', `${tag}:${subjects.digest}`)
      const number = (++this.#published).toString(36)
      this.#pending.set(number, { resolve, reject, tag })
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
    const { seq, error } = message.json<{ seq: number, error?: { code: number, description: string } }>()
    if (error === undefined) acknowledgement.resolve(`${seq}.${acknowledgement.tag}`)
    else if (error.code === 503) acknowledgement.reject(new Error(error.description))
    else acknowledgement.reject(new EngineRefused(this.#engine, error.description))
  }
}
