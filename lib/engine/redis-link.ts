import { timers } from '../timers.js'

/**
 * The connections to a Redis server or cluster, by the package @redis/client.
 *
 * Both well-kept packages were tried, with the server killed and connections dropped under load. ioredis sends again what was
 * in flight, on its own and for as long as it likes, behind the back of whoever promised an answer in time; @redis/client
 * rejects it and leaves the rest to the caller, who knows the ids. It also resubscribes before it calls itself ready, follows
 * sharded subscriptions that move to another node of a cluster, and has no dependencies. Their CPU per message is the same.
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
const BYTES = { typeMapping: { 36: Buffer } }

/** The part of a client of @redis/client, or of `redis`, that is used here. */
export interface NodeRedisClient {
  readonly isReady: boolean
  connect (): Promise<unknown>
  destroy (): void
  on (event: string, listener: (...details: never[]) => void): unknown
  sendCommand (args: ReadonlyArray<string | Buffer>, options?: object): Promise<unknown>
  sSubscribe (channel: string, listener: MessageListener, bufferMode: true): Promise<void>
  sUnsubscribe (channel: string, listener: MessageListener, bufferMode: true): Promise<void>
}

/** One server. Commands and subscriptions have a connection each: with RESP 2, which costs less to parse, they need to. */
export class ServerLink implements RedisLink {
  readonly #commands: NodeRedisClient
  readonly #subscriber: NodeRedisClient

  constructor (commands: NodeRedisClient, subscriber: NodeRedisClient) {
    this.#commands = commands
    this.#subscriber = subscriber
  }

  get isConnected (): boolean {
    return this.#commands.isReady
  }

  async open (events: LinkEvents): Promise<void> {
    const commands = this.#commands
    const subscriber = this.#subscriber
    commands.on('ready', () => events.connected())
    commands.on('reconnecting', () => events.disconnected())
    await new Promise<void>((resolve) => {
      for (const client of [commands, subscriber]) {
        client.on('ready', () => {
          if (!commands.isReady || !subscriber.isReady) return
          events.ready()
          resolve()
        })
        client.on('error', (error: Error) => {
          events.down(error)
          resolve()
        })
        // Goes on trying; what goes wrong was an 'error' before.
        client.connect().catch(() => {})
      }
    })
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
    this.#commands.destroy()
    this.#subscriber.destroy()
  }
}

/** The part of a cluster client that is used here. */
export interface NodeRedisCluster extends Omit<NodeRedisClient, 'sendCommand' | 'isReady'> {
  sendCommand (key: string, isReadonly: boolean, args: ReadonlyArray<string | Buffer>, options?: object): Promise<unknown>
}

interface ClusterNode {
  readonly host: string
  readonly port: number
}

/** How long after an error of a node a connection to it that becomes ready is taken for one that was lost, in milliseconds. */
const SUSPECT = 30_000

/** A cluster. It is down while one of its nodes is: then some topics are, and nobody can tell which. */
export class ClusterLink implements RedisLink {
  readonly #client: NodeRedisCluster
  readonly #broken = new Set<string>()
  readonly #lastError = new Map<string, number>()
  readonly isConnected = true

  constructor (client: NodeRedisCluster) {
    this.#client = client
  }

  async open (events: LinkEvents): Promise<void> {
    const client = this.#client
    let isOpen = false
    client.on('error', () => {})
    client.on('node-error', (error: Error, { host, port }: ClusterNode) => {
      this.#broken.add(`${host}:${port}`)
      this.#lastError.set(`${host}:${port}`, timers.now())
      if (isOpen) events.down(error)
    })
    const mended = ({ host, port }: ClusterNode): void => {
      const node = `${host}:${port}`
      const wasBroken = this.#broken.delete(node)
      if (!isOpen || this.#broken.size > 0) return
      if (wasBroken) events.ready()
      // Each node has a connection for commands and one for subscriptions, and the events do not say which it is.
      else if (timers.now() - (this.#lastError.get(node) ?? -Infinity) < SUSPECT) events.restored()
    }
    client.on('node-ready', mended)
    client.on('node-disconnect', mended)
    const connect = async (): Promise<void> => {
      await client.connect()
      isOpen = true
      events.connected()
      events.ready()
    }
    await connect().catch((error: Error) => {
      events.down(error)
      const timer = timers.setInterval(() => { connect().then(() => timers.clearInterval(timer), () => {}) }, 1000).unref()
      this.#stopConnecting = () => timers.clearInterval(timer)
    })
  }

  #stopConnecting: () => void = () => {}

  send (key: string, args: ReadonlyArray<string | Buffer>): Promise<unknown> {
    return this.#client.sendCommand(key, false, args)
  }

  sendForBytes (key: string, args: ReadonlyArray<string | Buffer>): Promise<unknown> {
    return this.#client.sendCommand(key, false, args, BYTES)
  }

  subscribe (channel: string, listener: MessageListener): Promise<void> {
    return this.#client.sSubscribe(channel, listener, true)
  }

  unsubscribe (channel: string, listener: MessageListener): Promise<void> {
    return this.#client.sUnsubscribe(channel, listener, true)
  }

  close (): void {
    this.#stopConnecting()
    this.#client.destroy()
  }
}
