import { randomTag } from './cursor.js'
import { Unfinished } from './unfinished.js'
import { CLAIM, JOIN, LEAVE, RENEW, type Script } from './redis-scripts.js'
import type { EnginePresence, Member } from './engine.js'
import type { RedisKeys } from './redis-keys.js'
import { timers } from '../timers.js'

type Run = (script: Script, key: string, keys: readonly string[], args: readonly string[]) => Promise<unknown>
type Command = (key: string, args: readonly string[]) => Promise<unknown>

/** The members that a process holds by one lease. There is a holder for each lease duration in use. */
interface Holder {
  name: string
  readonly lease: number
  readonly topics: Map<string, Map<string, Member>>
  /** Whether the lease has been registered with the server. */
  isRegistered: boolean
  timer: NodeJS.Timeout | null
}

/** How often expired leases are looked for, in milliseconds. Renewing a short lease looks for them more often. */
const LOOK_INTERVAL = 10_000
/** The suffix of an expired lease while a process removes its members. */
const REMAINS = '!'

/**
 * Presence over Redis. A lease is a single entry of a sorted set, however many members it holds, so that renewing it
 * costs one command. The topics of each lease are stored in a set, from which another process removes the members after
 * the lease has expired.
 */
export class RedisPresence implements EnginePresence {
  readonly #keys: RedisKeys
  readonly #leases: string
  readonly #heldPrefix: string
  readonly #run: Run
  readonly #command: Command
  readonly #holders = new Map<number, Holder>()
  readonly #unfinished = new Unfinished()
  #looking: NodeJS.Timeout | null = null
  #isClosed = false

  constructor (prefix: string, keys: RedisKeys, run: Run, command: Command) {
    this.#keys = keys
    this.#leases = `${prefix}leases`
    this.#heldPrefix = `${prefix}held:`
    this.#run = run
    this.#command = command
  }

  async join (topic: string, member: Member, lease: number): Promise<void> {
    const holder = this.#holderFor(lease)
    let members = holder.topics.get(topic)
    if (members === undefined) holder.topics.set(topic, members = new Map())
    members.set(member.id, member)
    await this.#unfinished.attempt(`${topic}\n${member.id}`, async () => {
      // Store the lease and its topic first: a member without them would stay forever.
      if (!holder.isRegistered) await this.#renew(holder)
      const held = this.#heldPrefix + holder.name
      await this.#command(held, ['SADD', held, topic])
      await this.#join(holder, topic, member)
    })
  }

  async leave (topic: string, id: string): Promise<void> {
    const { stream, members: membersKey, holds } = this.#keys.of(topic)
    for (const holder of this.#holders.values()) {
      const members = holder.topics.get(topic)
      if (members === undefined || !members.delete(id)) continue
      if (members.size === 0) holder.topics.delete(topic)
      await this.#unfinished.attempt(`${topic}\n${id}`, async () => {
        const { name } = holder
        const held = this.#heldPrefix + name
        await this.#run(LEAVE, stream, [stream, membersKey, holds], [name, id])
        if (!holder.topics.has(topic)) await this.#command(held, ['SREM', held, topic])
      })
    }
  }

  async members (topic: string): Promise<readonly Member[]> {
    const { members } = this.#keys.of(topic)
    const values = await this.#command(members, ['HVALS', members]) as unknown[]
    return values.map((value) => {
      const text = String(value)
      const [id, info] = JSON.parse(text.slice(text.indexOf('\n') + 1)) as [string, string]
      return { id, info }
    })
  }

  /** Called for each new connection. Meanwhile the leases may have expired, or the server may have lost its data. */
  restore (): void {
    this.#looking ??= timers.setInterval(() => { this.#look([]).catch(() => {}) }, LOOK_INTERVAL).unref()
    for (const holder of this.#holders.values()) this.#renew(holder).catch(() => {})
    this.#unfinished.retryAll()
  }

  close (): void {
    this.#isClosed = true
    if (this.#looking !== null) timers.clearInterval(this.#looking)
    for (const { timer } of this.#holders.values()) timers.clearInterval(timer!)
    this.#holders.clear()
    this.#unfinished.close()
  }

  async #join (holder: Holder, topic: string, { id, info }: Member): Promise<void> {
    const { stream, members, holds } = this.#keys.of(topic)
    await this.#run(JOIN, stream, [stream, members, holds], [holder.name, id, JSON.stringify([id, info])])
  }

  #holderFor (lease: number): Holder {
    let holder = this.#holders.get(lease)
    if (holder === undefined) {
      const created: Holder = { name: randomTag(), lease, topics: new Map(), isRegistered: false, timer: null }
      created.timer = timers.setInterval(() => { this.#renew(created).catch(() => {}) }, lease / 3).unref()
      this.#holders.set(lease, holder = created)
    }
    return holder
  }

  async #renew (holder: Holder): Promise<void> {
    const { name } = holder
    const wasInForce = await this.#look([name, String(holder.lease)])
    const isNew = !holder.isRegistered
    holder.isRegistered = true
    if (wasInForce || isNew || this.#isClosed || holder.name !== name) return
    // The lease expired, so its members have left or are about to leave. Join them again under a new name, which no
    // other process removes.
    holder.name = randomTag()
    await this.#look([holder.name, String(holder.lease)])
    const held = this.#heldPrefix + holder.name
    for (const [topic, members] of holder.topics) {
      await this.#command(held, ['SADD', held, topic])
      for (const member of members.values()) await this.#join(holder, topic, member)
    }
  }

  /** Renews a lease, and removes the members of expired ones. Returns whether the renewed lease was in force. */
  async #look (renewed: readonly string[]): Promise<boolean> {
    const reply = await this.#run(RENEW, this.#leases, [this.#leases], renewed) as unknown[]
    const [wasInForce, ...overdue] = reply.map(String)
    for (const name of overdue) await this.#clearUp(name)
    return wasInForce === '1'
  }

  async #clearUp (overdue: string): Promise<void> {
    const name = overdue.endsWith(REMAINS) ? overdue.slice(0, -1) : overdue
    const remains = name + REMAINS
    if (await this.#run(CLAIM, this.#leases, [this.#leases], [overdue, remains]) !== 1) return
    const held = this.#heldPrefix + name
    for (const topic of (await this.#command(held, ['SMEMBERS', held]) as unknown[]).map(String)) {
      const { stream, members, holds } = this.#keys.of(topic)
      await this.#run(LEAVE, stream, [stream, members, holds], [name])
    }
    await this.#command(held, ['DEL', held])
    await this.#command(this.#leases, ['ZREM', this.#leases, remains])
  }
}
