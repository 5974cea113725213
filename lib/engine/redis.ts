import { BadOption, EngineClosed, EngineDown, EngineRefused, EngineUnsuitable, EngineUsed } from '../errors.js'
import { placeOf, randomTag, tagOf } from './cursor.js'
import { Outgoing, readPublishLimits, type PublishLimits } from './outgoing.js'
import { createRedisLink, type RedisConnectionOptions } from './redis-clients.js'
import { ClusterLink } from './redis-cluster-link.js'
import type { RedisLink } from './redis-link.js'
import { decodeAnnounced, decodeEntry, encodeMessages, type StreamEntry, type Tagged } from './redis-messages.js'
import { RedisPresence } from './redis-presence.js'
import { RedisKeys, type TopicKeys } from './redis-keys.js'
import { HEAD, PUBLISH, UNORDERED, type Script } from './redis-scripts.js'
import { Subscription, SubscriptionTurns } from './redis-subscription.js'
import type {
  Accepted, Engine, EngineEvents, EngineState, HistoryPage, Member, Publication, Retention
} from './engine.js'

export interface RedisEngineOptions extends RedisConnectionOptions, PublishLimits {
  /** The prefix of all keys and channels. Default: 'wire:'. */
  readonly prefix?: string
}

interface Outbound extends Tagged {
  readonly keys: TopicKeys
  readonly retention: Retention
}

/**
 * Temporary errors: the server is starting, another server is responsible for the topic at the moment, or the server
 * accepts no writes until it has enough replicas (NOREPLICAS) or can save to disk again (MISCONF).
 */
const PASSING = new RegExp(
  `^(${UNORDERED}|LOADING|NOSCRIPT|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|MASTERDOWN|READONLY|BUSY|UNBLOCKED|` +
  'NOREPLICAS|MISCONF)\\b')
const CREDENTIALS = /^(WRONGPASS|NOAUTH|NOPERM)\b/
/** The places that `XADD` assigns. A cursor with another place is not sent to the server. */
const PLACE = /^\d{1,18}-\d{1,18}$/
const [MESSAGE, JOINED] = [0x6d, 0x2b]
/** The number of entries at which the list of topics whose node has the script is cleared. */
const MAX_SCRIPT_KEYS = 10_000

/**
 * An engine over Redis 7.0 or later, Valkey, or a cluster of these.
 *
 *   stream  prefix{topic}     history, trimmed and expired by the script PUBLISH
 *   channel prefix{topic}     live messages, sharded publish/subscribe
 *   string  prefix{topic}h    the cursor of the newest message
 *   hashes  prefix{topic}i0/1 ids of the last minutes
 */
export function redisEngine (options: RedisEngineOptions = {}): Engine {
  return new RedisEngine(options)
}

class RedisEngine implements Engine {
  readonly name = 'redis'
  readonly presence: RedisPresence
  readonly #options: RedisEngineOptions
  readonly #keys: RedisKeys
  readonly #outgoing: Outgoing<Outbound>
  /** The subscribed topics, each with the listener of its channel. */
  readonly #topics = new Map<string, Subscription>()
  readonly #turns = new SubscriptionTurns()
  /** Subscriptions to end when the engine is up again, each with its channel. */
  readonly #stale = new Map<Subscription, string>()
  #link: RedisLink | null = null
  #events: EngineEvents | null = null
  #state: EngineState | '' = ''
  /**
   * Topics whose node has the script. The source is sent first for each topic, because a digest that a node does not
   * know would fail, and later messages would overtake that one.
   */
  readonly #scriptKeys = new Set<string>()
  #isCluster = false

  constructor (options: RedisEngineOptions) {
    const { prefix = 'wire:', url, client, pingInterval = 3000 } = options
    if (typeof prefix !== 'string' || /[{}]/.test(prefix)) {
      throw new BadOption('prefix', 'a string without braces', String(prefix))
    }
    if (!(pingInterval > 0)) {
      throw new BadOption('pingInterval', 'a positive number of milliseconds', String(pingInterval))
    }
    if (url !== undefined && client !== undefined) {
      throw new BadOption('client', 'given instead of "url"', 'given with it')
    }
    this.#options = options
    this.#keys = new RedisKeys(prefix)
    this.#outgoing = new Outgoing({
      name: this.name,
      limits: readPublishLimits(options),
      send: this.#transmit,
      joins: ({ retention: { size, ttl } }, { retention: previous }) => size === previous.size && ttl === previous.ttl,
      isFinal: (error) => error instanceof EngineRefused,
      isConnected: () => this.#link !== null && this.#link.isConnected
    })
    const run = this.#run.bind(this)
    this.presence = new RedisPresence(prefix, this.#keys, run, (key, args) => this.#ready().send(key, args))
  }

  async open (events: EngineEvents): Promise<void> {
    if (this.#outgoing.isClosed) throw new EngineUsed(this.name)
    this.#events = events
    const link = this.#link = await createRedisLink(this.#options)
    this.#isCluster = link instanceof ClusterLink
    let refusal: Error | undefined
    await link.open({
      connected: () => {
        this.#scriptKeys.clear()
        this.#outgoing.resume()
      },
      disconnected: () => this.#outgoing.pause(),
      ready: () => this.#setState('ready'),
      down: (error) => {
        if (error !== undefined && CREDENTIALS.test(error.message)) refusal ??= error
        this.#setState('down', error)
      },
      // A link reports this only while it is ready.
      restored: () => {
        this.#events?.state('down')
        this.#events?.state('ready')
      }
    })
    if (this.#state === 'ready') refusal = await this.#checkVersion(link)
    if (refusal === undefined) return
    await this.close()
    throw new EngineUnsuitable(this.name, refusal.message)
  }

  publish (topic: string, publication: Publication, retention: Retention): Promise<Accepted> {
    if (this.#link === null) return Promise.reject(new EngineClosed(this.name))
    const { id, data } = publication
    const outbound = { keys: this.#keys.of(topic), publication, tag: tagOf(id), retention }
    return this.#outgoing.publish(topic, outbound, data.length + id.length)
  }

  async subscribe (topic: string): Promise<string> {
    const link = this.#ready()
    const { stream, head } = this.#keys.of(topic)
    let subscription = this.#topics.get(topic)
    if (subscription === undefined) {
      const listener = (message: Buffer): void => this.#receive(topic, listener, message)
      subscription = new Subscription(
        listener, this.#turns.run('subscribe', () => link.subscribe(stream, listener)))
      this.#topics.set(topic, subscription)
    }
    try {
      await subscription.inForce()
      return String(await this.#run(HEAD, head, [head], [`0-0.${randomTag()}`]))
    } catch (error) {
      if (this.#topics.get(topic) === subscription) {
        this.#topics.delete(topic)
        this.#leaveChannel(stream, subscription)
      }
      throw this.#failure(error)
    }
  }

  async unsubscribe (topic: string): Promise<void> {
    const subscription = this.#topics.get(topic)
    if (subscription === undefined) return
    this.#topics.delete(topic)
    await this.#leaveChannel(this.#keys.of(topic).stream, subscription)
  }

  async read (topic: string, after: string | undefined, limit: number): Promise<HistoryPage> {
    const link = this.#ready()
    const { stream, head: headKey } = this.#keys.of(topic)
    const place = after === undefined ? '' : placeOf(after)
    const range = after === undefined
      ? ['XREVRANGE', stream, '+', '-', 'COUNT', String(limit)]
      : ['XRANGE', stream, PLACE.test(place) ? place : '-', '+', 'COUNT', String(limit + 1)]
    try {
      // Read the head last, so that it is at least as new as these messages.
      const [entries, headReply] = await Promise.all(
        [link.sendForBytes(stream, range), link.send(headKey, ['GET', headKey])])
      const head = headReply === null ? '' : String(headReply)
      const messages = (entries as StreamEntry[]).map(decodeEntry)
      if (after === undefined) return { messages: messages.reverse(), isGap: false, head }
      const isKnown = messages[0]?.cursor === after
      if (isKnown) messages.shift()
      const before = messages.length === 0 ? head : messages[0]!.prev
      const follows = isKnown || (after !== '' && before === after)
      // If the head differs, a message that is not kept followed the last kept one.
      const isGap = !follows || (messages.length === 0 && head !== after)
      return { messages: messages.slice(0, limit), isGap, head }
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async close (): Promise<void> {
    const link = this.#link
    this.#link = this.#events = null
    this.#outgoing.close()
    this.presence.close()
    for (const subscription of this.#topics.values()) subscription.fail(new EngineClosed(this.name))
    this.#topics.clear()
    link?.close()
  }

  readonly #transmit = async (
    messages: readonly Outbound[], isAgain: boolean, after: Outbound | undefined
  ): Promise<readonly string[]> => {
    const { keys, retention: { size, ttl } } = messages[0]!
    const key = this.#isCluster ? keys.stream : ''
    const isKnown = !isAgain && this.#scriptKeys.has(key)
    if (!isKnown) {
      if (this.#scriptKeys.size >= MAX_SCRIPT_KEYS) this.#scriptKeys.clear()
      this.#scriptKeys.add(key)
    }
    const args = [
      isKnown ? 'EVALSHA' : 'EVAL', isKnown ? PUBLISH.sha1 : PUBLISH.source, '4',
      keys.stream, keys.head, keys.ids0, keys.ids1, encodeMessages(messages), String(size), String(ttl)
    ]
    if (after !== undefined) args.push(after.tag)
    try {
      const places = String(await this.#link!.send(keys.stream, args)).split(' ')
      return messages.map(({ tag }, i) => `${places[i]}.${tag}`)
    } catch (error) {
      // The package marks error replies of the server by their class. Compare names, because each copy of the package
      // has its own class.
      const { name, message } = error as Error
      const isReply = name === 'SimpleError' || name === 'ErrorReply' || /^[A-Z]+ /.test(message)
      if (isReply && !PASSING.test(message)) throw new EngineRefused(this.name, message)
      throw error
    }
  }

  #receive (topic: string, listener: (message: Buffer) => void, message: Buffer): void {
    const events = this.#events
    if (events === null || this.#topics.get(topic)?.listener !== listener) return
    if (message[0] === MESSAGE) {
      decodeAnnounced(message, (each) => { events.message(topic, each) })
    } else {
      const [id, info] = JSON.parse(message.toString('utf8', 1)) as [string, string]
      const member: Member = { id, info }
      if (message[0] === JOINED) events.joined(topic, member)
      else events.left(topic, member)
    }
  }

  /** Runs a script by its digest, or by its source if the server does not know it. */
  async #run (script: Script, key: string, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.#ready().send(key, ['EVALSHA', script.sha1, ...rest])
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
      return await this.#ready().send(key, ['EVAL', script.source, ...rest])
    }
  }

  #ready (): RedisLink {
    if (this.#link === null) throw new EngineClosed(this.name)
    if (this.#state === 'down') throw new EngineDown(this.name)
    return this.#link
  }

  /** Replaces errors that are caused by a broken connection. */
  #failure (error: unknown): unknown {
    if (this.#link === null) return new EngineClosed(this.name)
    return this.#state === 'down' ? new EngineDown(this.name) : error
  }

  async #leaveChannel (channel: string, subscription: Subscription): Promise<void> {
    if (!await subscription.isHeld) return
    const link = this.#link
    if (link === null) return
    if (this.#state === 'down') {
      this.#stale.set(subscription, channel)
      return
    }
    await this.#turns.run('unsubscribe', () => link.unsubscribe(channel, subscription.listener))
      .catch(() => this.#stale.set(subscription, channel))
  }

  #setState (state: EngineState, error?: Error): void {
    if (this.#events === null || this.#state === state) return
    this.#state = state
    if (state === 'ready') {
      const stale = Array.from(this.#stale)
      this.#stale.clear()
      for (const [subscription, channel] of stale) this.#leaveChannel(channel, subscription)
      this.presence.restore()
    } else {
      for (const subscription of this.#topics.values()) subscription.fail(new EngineDown(this.name))
    }
    this.#events.state(state, error)
  }

  async #checkVersion (link: RedisLink): Promise<Error | undefined> {
    const info = await link.send('', ['INFO', 'server']).catch(() => '')
    const version = /redis_version:((\d+)\S*)/.exec(String(info))
    if (version === null || Number(version[2]) >= 7) return undefined
    return new Error(`its version is ${version[1]}, but sharded publish/subscribe requires 7.0 or later`)
  }
}
