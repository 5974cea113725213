import { timers } from '../timers.js'
import { BYTES, type LinkEvents, type MessageListener, type NodeRedisClient, type RedisLink } from './redis-link.js'

/** The part of a cluster client that ClusterLink uses. */
export interface NodeRedisCluster extends Omit<NodeRedisClient, 'sendCommand' | 'isReady'> {
  sendCommand (
    key: string, isReadonly: boolean, args: ReadonlyArray<string | Buffer>, options?: object
  ): Promise<unknown>
}

interface ClusterNode {
  readonly host: string
  readonly port: number
}

/**
 * If a connection becomes ready within this time after an error of its node, subscriptions may have been lost. In
 * milliseconds.
 */
const RECOVERY_PERIOD = 30_000

/** A link to a cluster. It is down while any node is down, because the topics of that node are unknown. */
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
      // Each node has a connection for commands and one for subscriptions. The event does not say which one is ready.
      else if (timers.now() - (this.#lastError.get(node) ?? -Infinity) < RECOVERY_PERIOD) events.restored()
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
      const again = (): void => { connect().then(() => timers.clearInterval(timer), () => {}) }
      const timer = timers.setInterval(again, 1000).unref()
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
