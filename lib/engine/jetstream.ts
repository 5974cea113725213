import type { Msg, NatsConnection } from '@nats-io/transport-node'
import { timers } from '../timers.js'

/** A message as a stream holds it. */
export interface StoredMessage {
  readonly sequence: number
  /** When it was stored, in milliseconds. */
  readonly time: number
  /** How many messages of its subject came after it. */
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

/** What JetStream answers instead of doing it. */
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

const NO_MESSAGE = 10037
const STREAM_EXISTS = 10058
/** How long the server may take for an answer, and between two messages of the history, in milliseconds. */
const ANSWER_TIMEOUT = 5000
/** How long the server keeps a consumer whose reader is gone, in nanoseconds. */
const CONSUMER_LINGERS = 5e9

/** The few requests of the JetStream API that the engine needs. They are JSON, and need no package of their own. */
export class JetStream {
  readonly #connection: NatsConnection
  readonly #stream: string

  constructor (connection: NatsConnection, stream: string) {
    this.#connection = connection
    this.#stream = stream
  }

  /** Creates the stream, or takes the one that is there. Resolves with its configuration, and what tells it from its successors. */
  async ensureStream (config: StreamConfig): Promise<{ config: StreamConfig, created: string }> {
    const full = { ...config, retention: 'limits', discard: 'old' }
    const answer = await this.#request(`STREAM.CREATE.${this.#stream}`, full).catch(async (error: JetStreamError) => {
      if (error.code !== STREAM_EXISTS) throw error
      return await this.#request(`STREAM.INFO.${this.#stream}`, {})
    })
    return answer as unknown as { config: StreamConfig, created: string }
  }

  /** The newest message of a subject. It comes from the leader, which has all that was acknowledged. */
  async newest (subject: string): Promise<StoredMessage | null> {
    try {
      const { message } = await this.#request(`STREAM.MSG.GET.${this.#stream}`, { last_by_subj: subject }) as { message: { seq: number, time: string, data?: string } }
      return { sequence: message.seq, time: Date.parse(message.time), behind: 0, data: Buffer.from(message.data ?? '', 'base64') }
    } catch (error) {
      if (error instanceof JetStreamError && error.code === NO_MESSAGE) return null
      throw error
    }
  }

  /** The messages of a subject from a sequence on, oldest first, `limit` at most; without a limit, all there are. */
  async from (subject: string, sequence: number, limit = Infinity): Promise<StoredMessage[]> {
    const inbox = `_INBOX.${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`
    const messages: StoredMessage[] = []
    let name = ''
    let subscription: { unsubscribe (): void } | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        const isSlow = (): void => reject(new Error('The server did not send the history in time'))
        let timer = timers.setTimeout(isSlow, ANSWER_TIMEOUT)
        subscription = this.#connection.subscribe(inbox, {
          callback: (error, message) => {
            timers.clearTimeout(timer)
            if (error !== null) {
              reject(error)
              return
            }
            const stored = decodeDelivery(message)
            if (messages.length < limit) messages.push(stored)
            if (stored.behind === 0 || messages.length >= limit) resolve()
            else timer = timers.setTimeout(isSlow, ANSWER_TIMEOUT)
          }
        })
        this.#request(`CONSUMER.CREATE.${this.#stream}`, {
          stream_name: this.#stream,
          config: {
            deliver_subject: inbox,
            filter_subject: subject,
            ack_policy: 'none',
            max_deliver: 1,
            mem_storage: true,
            num_replicas: 1,
            inactive_threshold: CONSUMER_LINGERS,
            ...(sequence > 0 ? { deliver_policy: 'by_start_sequence', opt_start_seq: sequence } : { deliver_policy: 'all' })
          }
        }).then((answer) => {
          const consumer = answer as { name: string, num_pending: number, delivered: { consumer_seq: number } }
          name = consumer.name
          if (consumer.num_pending + consumer.delivered.consumer_seq > 0) return
          timers.clearTimeout(timer)
          resolve()
        }, (error: unknown) => {
          timers.clearTimeout(timer)
          reject(error)
        })
      })
    } finally {
      subscription?.unsubscribe()
      if (name !== '') this.#request(`CONSUMER.DELETE.${this.#stream}.${name}`, {}).catch(() => {})
    }
    return messages
  }

  async #request (subject: string, body: object): Promise<Record<string, unknown>> {
    const reply = await this.#connection.request(`$JS.API.${subject}`, JSON.stringify(body), { timeout: ANSWER_TIMEOUT })
    const answer = reply.json<Record<string, unknown> & { error?: ApiError }>()
    if (answer.error !== undefined) throw new JetStreamError(answer.error)
    return answer
  }
}

/** The reply subject of a delivery says what it is: $JS.ACK.stream.consumer.deliveries.sequence.number.time.behind, from the end. */
function decodeDelivery ({ reply, data }: Msg): StoredMessage {
  const tokens = reply!.split('.')
  // With an account and a domain there are more tokens, in front and one behind.
  const at = tokens.length > 9 ? 7 : 5
  return {
    sequence: Number(tokens[at]),
    time: Number(tokens[at + 2]!.slice(0, -6)),
    behind: Number(tokens[at + 3]),
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  }
}
