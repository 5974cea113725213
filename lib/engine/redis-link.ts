import { timers } from '../timers.js'

/**
 * The connections to a Redis server or cluster, by the package @redis/client.
 *
 * Both well-kept packages were tried, with the server killed and connections dropped under load. What is in flight when
 * a connection breaks, @redis/client rejects; ioredis sends it again by default, which doubles what the server had
 * accepted. The engine keeps the ids and the time limit, so it has to be the one that sends again, in order.
 * @redis/client reports that it is ready after it has subscribed again, which is when the history has to be read.
 */
export interface RedisLink {
  /** Whether commands can be sent. */
  readonly isConnected: boolean
  /** Resolves when there is a connection, or none at the first try. Later changes are reported. */
  open (events: LinkEvents): Promise<void>
  /** @param key decides about the node, in a cluster */
  send (key: string, args: ReadonlyArray<string | Buffer>): Promise<unknown>
  /** With bytes in place of strings in the reply. */
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
  /** Commands can be sent, and all subscriptions are in force. */
  ready (): void
  down (error?: Error): void
  /** Subscriptions are in force again that were not for a while, unnoticed. */
  restored (): void
}

/** Strings of the reply as bytes: RESP_TYPES.BLOB_STRING is the dollar sign of the protocol. */
export const BYTES = { typeMapping: { 36: Buffer } }

/** The part of a client of @redis/client, or of `redis`, that is used here. */
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
 * One server. Commands and subscriptions have a connection each: with RESP 2, which costs less to parse, they need to.
 */
export class ServerLink implements RedisLink {
  readonly #commands: NodeRedisClient
  readonly #subscriber: NodeRedisClient
  readonly #pingInterval: number
  #pings: NodeJS.Timeout | null = null

  /** @param pingInterval how long the server may take to answer a ping, and how often it gets one, in milliseconds */
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
          // After most errors the client makes another connection. It keeps the one that it could not read, where
          // nothing that follows can be read either.
          if (client.isReady) this.#reconnect(client, events, error)
          else events.down(error)
          resolve()
        })
        // Goes on trying; what goes wrong was an 'error' before.
        client.connect().catch(() => {})
      }
    })
  }

  /**
   * A server whose host is gone without a word leaves its connections open. Commands keep such a connection busy, so
   * that it has no timeout of its own: each ping has to be answered before the next one.
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
      // Timers are due before input is read: where this process was busy, the answer may have come meanwhile.
      timers.setImmediate(() => {
        for (const client of late) {
          if (!unanswered.delete(client) || !client.isReady) continue
          this.#reconnect(client, events, new Error(`the server has not answered for ${this.#pingInterval} ms`))
        }
      })
    }, this.#pingInterval).unref()
  }

  /** Rejects what was asked of the connection, and makes another; the client subscribes again by itself. */
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
