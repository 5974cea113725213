import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { timers } from '../timers.js'

/** A message stored in a stream. */
export interface StoredMessage {
  readonly subject: string
  readonly sequence: number
  /** The time at which it was stored, in milliseconds since the epoch. */
  readonly time: number
  /** The number of later messages of its subject. */
  readonly behind: number
  readonly data: Buffer
}

export interface StreamConfig {
  readonly name: string
  readonly subjects: readonly string[]
  readonly storage: 'file' | 'memory'
  readonly num_replicas: number
  readonly max_msgs_per_subject: number
  /** In nanoseconds. */
  readonly max_age: number
  readonly duplicate_window: number
  readonly republish: { readonly src: string, readonly dest: string }
}

/** An error answer of JetStream. */
export class JetStreamError extends Error {
  readonly status: number
  readonly code: number

  constructor ({ code, err_code: errorCode = 0, description }: ApiError) {
    super(description)
    this.status = code
    this.code = errorCode
  }
}

interface ApiError {
  readonly code: number
  readonly err_code?: number
  readonly description: string
}

interface ConsumerInfo {
  readonly name: string
  readonly num_pending: number
  readonly delivered: { readonly consumer_seq: number }
}

interface StreamInfo {
  readonly state: { readonly last_seq: number }
}

interface MessageAnswer {
  readonly message: { readonly seq: number, readonly time: string, readonly data: string }
}

const NO_MESSAGE = 10037
const STREAM_EXISTS = 10058
/** How long the server may take to answer, in milliseconds. */
const ANSWER_TIMEOUT = 5000
/** After this time without a message, `from()` checks whether the server has more to send, in milliseconds. */
const IDLE_TIMEOUT = 200
/** How long the server keeps a consumer without a reader, in nanoseconds. */
const CONSUMER_TIMEOUT = 5e9

/** The requests of the JetStream API that the engine uses. They are JSON, so no further package is needed. */
export class JetStream {
  readonly #connection: NatsConnection
  readonly #stream: string

  constructor (connection: NatsConnection, stream: string) {
    this.#connection = connection
    this.#stream = stream
  }

  /**
   * Creates the stream if it does not exist. Resolves with its configuration and its creation time, which distinguishes
   * it from later streams of the same name.
   */
  async ensureStream (config: StreamConfig): Promise<{ config: StreamConfig, created: string }> {
    const full = { ...config, retention: 'limits', discard: 'old' }
    const answer = await this.#request(`STREAM.CREATE.${this.#stream}`, full).catch(async (error: JetStreamError) => {
      if (error.code !== STREAM_EXISTS) throw error
      return await this.#request(`STREAM.INFO.${this.#stream}`, {})
    })
    return answer as unknown as { config: StreamConfig, created: string }
  }

  /** The newest message of a subject. The leader answers: it has all acknowledged messages. */
  async newest (subject: string): Promise<StoredMessage | null> {
    try {
      const { seq: sequence, time, data } = await this.#message({ last_by_subj: subject })
      return { subject, sequence, time: Date.parse(time), behind: 0, data: Buffer.from(data, 'base64') }
    } catch (error) {
      if (error instanceof JetStreamError && error.code === NO_MESSAGE) return null
      throw error
    }
  }

  /** The data of the message with this sequence. Rejects if it is not stored. */
  async dataAt (sequence: number): Promise<Buffer> {
    return Buffer.from((await this.#message({ seq: sequence })).data, 'base64')
  }

  async #message (query: { last_by_subj: string } | { seq: number }): Promise<MessageAnswer['message']> {
    return (await this.#request(`STREAM.MSG.GET.${this.#stream}`, query) as unknown as MessageAnswer).message
  }

  /**
   * Returns the newest message of each subject that matches a pattern. A message that is replaced while the stream is
   * being read may arrive twice, or not at all, because the server may count it too late. So messages that were stored
   * meanwhile are read again.
   */
  async newestOfEach (pattern: string): Promise<StoredMessage[]> {
    const last = await this.#lastSequence()
    const messages = await this.from(pattern, 0, Infinity, last)
    messages.push(...await this.from(pattern, last + 1, Infinity, await this.#lastSequence()))
    return [...new Map(messages.map((message) => [message.subject, message])).values()]
  }

  /** The sequence of the newest message of the stream; 0 if there was none. */
  async #lastSequence (): Promise<number> {
    const { state } = await this.#request(`STREAM.INFO.${this.#stream}`, {}) as unknown as StreamInfo
    return state.last_seq
  }

  /**
   * Reads the messages of a subject from a sequence or a time on, oldest first, at most `limit`.
   * @param until the read ends with the first message at or after this sequence. Without it, a read of messages that
   *   change faster than they are read would not end.
   */
  async from (subject: string, start: number | Date, limit = Infinity, until = Infinity): Promise<StoredMessage[]> {
    const inbox = `_INBOX.${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`
    const messages: StoredMessage[] = []
    let name = ''
    let subscription: { unsubscribe (): void } | undefined
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        subscription = this.#connection.subscribe(inbox, {
          callback: (error, message) => {
            if (error !== null) {
              reject(error)
              return
            }
            const stored = decodeDelivery(message)
            if (messages.length < limit) messages.push(stored)
            if (stored.behind === 0 || messages.length >= limit || stored.sequence >= until) resolve()
            else timer?.refresh()
          }
        })
        // The server counts messages that it removes before sending them, and those never arrive. After a pause, ask
        // the server whether anything is pending.
        const check = async (): Promise<void> => {
          const answer = await this.#request(`CONSUMER.INFO.${this.#stream}.${name}`, {})
          const { num_pending: pending, delivered } = answer as unknown as ConsumerInfo
          if (pending === 0 && delivered.consumer_seq <= messages.length) resolve()
          else timer?.refresh()
        }
        this.#request(`CONSUMER.CREATE.${this.#stream}`, {
          stream_name: this.#stream,
          config: {
            deliver_subject: inbox,
            filter_subject: subject,
            ack_policy: 'none',
            max_deliver: 1,
            mem_storage: true,
            num_replicas: 1,
            inactive_threshold: CONSUMER_TIMEOUT,
            ...deliveryFrom(start)
          }
        }).then((answer) => {
          const consumer = answer as unknown as ConsumerInfo
          name = consumer.name
          if (consumer.num_pending + consumer.delivered.consumer_seq === 0) resolve()
          else timer = timers.setTimeout(() => { check().catch(reject) }, IDLE_TIMEOUT)
        }, reject)
      })
    } finally {
      timers.clearTimeout(timer)
      timer = undefined
      subscription?.unsubscribe()
      if (name !== '') this.#request(`CONSUMER.DELETE.${this.#stream}.${name}`, {}).catch(() => {})
    }
    return messages
  }

  /** Publishes to the stream. Resolves with the sequence of the message. */
  async publish (subject: string, body: string, headers: MsgHdrs): Promise<number> {
    const { seq } = accepted(await this.#connection.request(subject, body, { timeout: ANSWER_TIMEOUT, headers }))
    return seq as number
  }

  /** Removes the messages of a subject: all, or those up to and including `sequence`. */
  async purge (subject: string, sequence?: number): Promise<void> {
    const upTo = sequence === undefined ? {} : { seq: sequence + 1 }
    await this.#request(`STREAM.PURGE.${this.#stream}`, { filter: subject, ...upTo })
  }

  async #request (subject: string, body: object): Promise<Record<string, unknown>> {
    const options = { timeout: ANSWER_TIMEOUT }
    return accepted(await this.#connection.request(`$JS.API.${subject}`, JSON.stringify(body), options))
  }
}

function deliveryFrom (start: number | Date): object {
  if (typeof start !== 'number') return { deliver_policy: 'by_start_time', opt_start_time: start.toISOString() }
  return start > 0 ? { deliver_policy: 'by_start_sequence', opt_start_seq: start } : { deliver_policy: 'all' }
}

function accepted (reply: Msg): Record<string, unknown> {
  const answer = reply.json<Record<string, unknown> & { error?: ApiError }>()
  if (answer.error !== undefined) throw new JetStreamError(answer.error)
  return answer
}

/**
 * The reply subject of a delivery contains its metadata:
 * $JS.ACK.stream.consumer.deliveries.sequence.number.time.behind
 */
function decodeDelivery ({ subject, reply, data }: Msg): StoredMessage {
  const tokens = reply!.split('.')
  // Servers with a domain add two tokens before the stream, and one at the end.
  const at = tokens.length > 9 ? 7 : 5
  return {
    subject,
    sequence: Number(tokens[at]),
    time: Number(tokens[at + 2]!.slice(0, -6)),
    behind: Number(tokens[at + 3]),
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  }
}
