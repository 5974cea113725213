import { timers } from '../timers.js'

/**
 * The connections to a Redis server or cluster, through the package @redis/client.
 *
 * Both maintained packages were tried under load, with killed servers and dropped connections. If a connection breaks,
 * @redis/client rejects the commands in flight, while ioredis sends them again by default, which duplicates messages
 * that the server had accepted. Only the engine knows the ids and the time limit, so the engine has to send again.
 * @redis/client emits 'ready' after it has subscribed again, which is when the engine has to read the history.
 */
export interface RedisLink {
  /** Whether commands can be sent. */
  readonly isConnected: boolean
  /** Resolves when the first attempt to connect has succeeded or failed. Later changes are reported as events. */
  open (events: LinkEvents): Promise<void>
  /** @param key determines the node of a cluster */
  send (key: string, args: ReadonlyArray<string | Buffer>): Promise<unknown>
  /** Like `send()`, but the reply contains Buffers instead of strings. */
  sendForBytes (key: string, args: ReadonlyArray<string | Buffer>): Promise<unknown>
  subscribe (channel: string, listener: MessageListener): Promise<void>
  unsubscribe (channel: string, listener: MessageListener): Promise<void>
  close (): void
}

export type MessageListener = (message: Buffer) => void

export interface LinkEvents {
  /** Commands can be sent. */
  connected (): void
  /** Commands cannot be sent. */
  disconnected (): void
  /** Commands can be sent, and all subscriptions are active. */
  ready (): void
  down (error?: Error): void
  /** Subscriptions are active again after an interruption that was not reported. */
  restored (): void
}

/** Makes the client return strings as Buffers: 36 is RESP_TYPES.BLOB_STRING, the dollar sign of the protocol. */
export const BYTES = { typeMapping: { 36: Buffer } }

/** The part of a client of @redis/client or `redis` that ServerLink uses. */
export interface NodeRedisClient {
  readonly isReady: boolean
  connect (): Promise<unknown>
  destroy (): void
  ping (): Promise<unknown>
  on (event: string, listener: (...details: never[]) => void): unknown
  sendCommand (args: ReadonlyArray<string | Buffer>, options?: object): Promise<unknown>
  sSubscribe (channel: string, listener: MessageListener, bufferMode: true): Promise<void>
  sUnsubscribe (channel: string, listener: MessageListener, bufferMode: true): Promise<void>
}

/**
 * A link to a single server. RESP 2 is cheaper to parse than RESP 3, but requires a second connection for
 * subscriptions.
 */
export class ServerLink implements RedisLink {
  readonly #commands: NodeRedisClient
  readonly #subscriber: NodeRedisClient
  readonly #pingInterval: number
  #pings: NodeJS.Timeout | null = null

  /** @param pingInterval the interval of pings and the time limit for their answers, in milliseconds */
  constructor (commands: NodeRedisClient, subscriber: NodeRedisClient, pingInterval: number) {
    this.#commands = commands
    this.#subscriber = subscriber
    this.#pingInterval = pingInterval
  }

  get isConnected (): boolean {
    return this.#commands.isReady
  }

  async open (events: LinkEvents): Promise<void> {
    const commands = this.#commands
    const subscriber = this.#subscriber
    commands.on('ready', () => events.connected())
    commands.on('reconnecting', () => events.disconnected())
    this.#watch(events)
    await new Promise<void>((resolve) => {
      for (const client of [commands, subscriber]) {
        client.on('ready', () => {
          if (!commands.isReady || !subscriber.isReady) return
          events.ready()
          resolve()
        })
        client.on('error', (error: Error) => {
          // After most errors the client reconnects. After an error while reading it keeps the connection, but can read
          // nothing more from it.
          if (client.isReady) this.#reconnect(client, events, error)
          else events.down(error)
          resolve()
        })
        // The client keeps trying, and emits each failure as 'error'.
        client.connect().catch(() => {})
      }
    })
  }

  /**
   * Detects a host that vanished without closing its connections. Commands in flight keep such a connection from timing
   * out, so each ping has to be answered before the next one is due.
   */
  #watch (events: LinkEvents): void {
    const unanswered = new Set<NodeRedisClient>()
    this.#pings = timers.setInterval(() => {
      const late: NodeRedisClient[] = []
      for (const client of [this.#commands, this.#subscriber]) {
        if (!client.isReady) unanswered.delete(client)
        else if (unanswered.has(client)) late.push(client)
        else {
          unanswered.add(client)
          const answered = (): void => { unanswered.delete(client) }
          client.ping().then(answered, answered)
        }
      }
      if (late.length === 0) return
      // Timers run before input is read. If this process was busy, the answer may be waiting to be read.
      timers.setImmediate(() => {
        for (const client of late) {
          if (!unanswered.delete(client) || !client.isReady) continue
          this.#reconnect(client, events, new Error(`the server has not answered for ${this.#pingInterval} ms`))
        }
      })
    }, this.#pingInterval).unref()
  }

  /** Rejects the commands in flight and connects again. The client renews its subscriptions itself. */
  #reconnect (client: NodeRedisClient, events: LinkEvents, error: Error): void {
    client.destroy()
    if (client === this.#commands) events.disconnected()
    events.down(error)
    client.connect().catch(() => {})
  }

  send (_key: string, args: ReadonlyArray<string | Buffer>): Promise<unknown> {
    return this.#commands.sendCommand(args)
  }

  sendForBytes (_key: string, args: ReadonlyArray<string | Buffer>): Promise<unknown> {
    return this.#commands.sendCommand(args, BYTES)
  }

  subscribe (channel: string, listener: MessageListener): Promise<void> {
    return this.#subscriber.sSubscribe(channel, listener, true)
  }

  unsubscribe (channel: string, listener: MessageListener): Promise<void> {
    return this.#subscriber.sUnsubscribe(channel, listener, true)
  }

  close (): void {
    if (this.#pings !== null) timers.clearInterval(this.#pings)
    this.#commands.destroy()
    this.#subscriber.destroy()
  }
}
