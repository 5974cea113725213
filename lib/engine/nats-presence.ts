import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { EngineDown } from '../errors.js'
import { randomTag } from './cursor.js'
import { JetStream, JetStreamError, type StreamConfig } from './jetstream.js'
import { Unfinished } from './unfinished.js'
import { tokenOf } from './nats-subjects.js'
import type { EnginePresence, Member } from './engine.js'
import { timers } from '../timers.js'

/** The state of a member of a topic: the last message of its subject. */
interface MemberRecord extends Member {
  readonly topic: string
  /** The names of the leases that hold the member. */
  readonly holders: readonly string[]
  /** The change that this record reports: '+' for a join, '-' for a leave, '' for neither. */
  readonly event: '+' | '-' | ''
}

interface Holder {
  name: string
  readonly lease: number
  readonly topics: Map<string, Map<string, Member>>
  /** The sequence of the last renewal; 0 before the first. */
  sequence: number
  /** The renewal in progress. A second one at the same time would fail, as if the lease had expired. */
  renewal: Promise<void> | undefined
  timer: NodeJS.Timeout | null
}

/** How often expired leases are looked for, in milliseconds. Renewing a short lease looks for them more often. */
const LOOK_INTERVAL = 10_000
const RETRY_DELAY = 500
const WRONG_LAST_SEQUENCE = 10071

/**
 * Presence over JetStream. Each member of a topic has a subject, whose last message lists the leases that hold the
 * member. A change names the sequence of the message that it replaces, and is retried if that message is no longer the
 * last one. Each join or leave is therefore exactly one message, which the stream republishes to subscribers.
 */
export class NatsPresence implements EnginePresence {
  readonly #prefix: string
  readonly #config: StreamConfig
  readonly #holders = new Map<number, Holder>()
  readonly #unfinished = new Unfinished((key) => {
    // A request of the previous connection may fail while a new connection exists.
    if (this.#jetStream !== null) timers.setTimeout(() => this.#unfinished.retry(key), RETRY_DELAY).unref()
  })

  /** The leases of all processes, each with its last renewal and the time at which this process first saw that. */
  readonly #seen = new Map<string, { sequence: number, since: number }>()
  #jetStream: JetStream | null = null
  #headers: (() => MsgHdrs) | null = null
  #looking: NodeJS.Timeout | null = null
  #isClosed = false

  constructor (prefix: string, config: StreamConfig) {
    this.#prefix = prefix
    this.#config = {
      ...config,
      name: `${config.name}-presence`,
      subjects: [`${prefix}.m.>`, `${prefix}.l.*`],
      max_msgs_per_subject: 1,
      max_age: 0,
      republish: { src: `${prefix}.m.>`, dest: `${prefix}.e.>` }
    }
  }

  /** The subject under which joins and leaves of a topic are republished. */
  eventsOf (token: string): string {
    return `${this.#prefix}.e.${token}.*`
  }

  /** Called for each new connection. Meanwhile the leases may have expired, or the server may have lost its data. */
  async restore (connection: NatsConnection, headers: () => MsgHdrs): Promise<void> {
    this.#headers = headers
    this.#jetStream = new JetStream(connection, this.#config.name)
    await this.#jetStream.ensureStream(this.#config)
    this.#looking ??= timers.setInterval(() => { this.#look().catch(() => {}) }, LOOK_INTERVAL).unref()
    for (const holder of this.#holders.values()) this.#renew(holder).catch(() => {})
    this.#unfinished.retryAll()
  }

  /** Called when the connection is lost. Pending actions wait for the next one. */
  pause (): void {
    this.#jetStream = null
    for (const holder of this.#holders.values()) holder.renewal = undefined
  }

  async join (topic: string, member: Member, lease: number): Promise<void> {
    const holder = this.#holderFor(lease)
    let members = holder.topics.get(topic)
    if (members === undefined) holder.topics.set(topic, members = new Map())
    members.set(member.id, member)
    await this.#unfinished.attempt(`${topic}\n${member.id}`, async () => {
      // Create the lease first: a member without a lease would stay forever.
      if (holder.sequence === 0) await this.#renew(holder)
      await this.#hold(holder, topic, member)
    })
  }

  async leave (topic: string, id: string): Promise<void> {
    for (const holder of this.#holders.values()) {
      const members = holder.topics.get(topic)
      const member = members?.get(id)
      if (members === undefined || member === undefined) continue
      members.delete(id)
      if (members.size === 0) holder.topics.delete(topic)
      await this.#unfinished.attempt(`${topic}\n${id}`, () => this.#release(holder.name, topic, member))
    }
  }

  async members (topic: string): Promise<readonly Member[]> {
    const records = await this.#ready().newestOfEach(`${this.#prefix}.m.${tokenOf(topic)}.*`)
    return records.map(({ data }) => parse(data)).filter(({ holders }) => holders.length > 0)
      .map(({ id, info }) => ({ id, info }))
  }

  close (): void {
    this.#isClosed = true
    if (this.#looking !== null) timers.clearInterval(this.#looking)
    for (const { timer } of this.#holders.values()) timers.clearInterval(timer!)
    this.#holders.clear()
    this.#unfinished.close()
  }

  #holderFor (lease: number): Holder {
    let holder = this.#holders.get(lease)
    if (holder === undefined) {
      const created: Holder = {
        name: randomTag(), lease, topics: new Map(), sequence: 0, renewal: undefined, timer: null
      }
      const renew = (): void => { this.#renew(created).then(() => this.#look()).catch(() => {}) }
      created.timer = timers.setInterval(renew, lease / 3).unref()
      this.#holders.set(lease, holder = created)
    }
    return holder
  }

  #hold (holder: Holder, topic: string, { id, info }: Member): Promise<void> {
    return this.#change(topic, id, (record) => {
      if (record === null || record.holders.length === 0) return { topic, id, info, holders: [holder.name], event: '+' }
      if (record.holders.includes(holder.name)) return null
      return { ...record, holders: [...record.holders, holder.name], event: '' }
    })
  }

  #release (name: string, topic: string, { id }: Member): Promise<void> {
    return this.#change(topic, id, (record) => {
      if (record === null || !record.holders.includes(name)) return null
      const holders = record.holders.filter((each) => each !== name)
      return { ...record, holders, event: holders.length === 0 ? '-' : '' }
    })
  }

  /** @param next returns the new record, or null to keep the current one */
  async #change (topic: string, id: string, next: (record: MemberRecord | null) => MemberRecord | null): Promise<void> {
    const subject = `${this.#prefix}.m.${tokenOf(topic)}.${tokenOf(id)}`
    for (;;) {
      const jetStream = this.#ready()
      const newest = await jetStream.newest(subject)
      const record = next(newest === null ? null : parse(newest.data))
      if (record === null) return
      const sequence = await this.#replace(subject, JSON.stringify(record), newest?.sequence ?? 0)
      if (sequence === null) continue
      if (record.holders.length === 0) await jetStream.purge(subject, sequence)
      return
    }
  }

  /** Returns the sequence of the new message, or null if `last` is no longer the last sequence of the subject. */
  async #replace (subject: string, body: string, last: number): Promise<number | null> {
    const headers = this.#headers!()
    headers.set('Nats-Expected-Last-Subject-Sequence', String(last))
    try {
      return await this.#ready().publish(subject, body, headers)
    } catch (error) {
      if (error instanceof JetStreamError && error.code === WRONG_LAST_SEQUENCE) return null
      throw error
    }
  }

  #renew (holder: Holder): Promise<void> {
    if (holder.renewal !== undefined) return holder.renewal
    const renewal = this.#tryRenew(holder).finally(() => {
      if (holder.renewal === renewal) holder.renewal = undefined
    })
    holder.renewal = renewal
    return renewal
  }

  async #tryRenew (holder: Holder): Promise<void> {
    const { name } = holder
    const sequence = await this.#replace(`${this.#prefix}.l.${name}`, String(holder.lease), holder.sequence)
    if (holder.name !== name || this.#isClosed) return
    if (sequence !== null) {
      holder.sequence = sequence
      return
    }
    // The lease expired, or a renewal of a previous connection was accepted late. Join the members again under a new
    // name, which no other process removes.
    holder.name = randomTag()
    holder.sequence = 0
    await this.#tryRenew(holder)
    for (const [topic, members] of holder.topics) {
      for (const member of members.values()) await this.#hold(holder, topic, member)
    }
  }

  /** Releases the members of processes that are gone, i.e. did not renew their lease in time. */
  async #look (): Promise<void> {
    const jetStream = this.#ready()
    // A pause of this process while it reads must not make the leases of others look old.
    const asked = timers.now()
    const renewals = await jetStream.newestOfEach(`${this.#prefix}.l.*`)
    const answered = timers.now()
    const gone: string[] = []
    for (const { subject, sequence, data } of renewals) {
      const name = subject.slice(this.#prefix.length + 3)
      const seen = this.#seen.get(name)
      if (seen === undefined || seen.sequence !== sequence) this.#seen.set(name, { sequence, since: answered })
      else if (asked - seen.since > Number(data.toString())) gone.push(name)
    }
    if (gone.length === 0) return
    const records = (await jetStream.newestOfEach(`${this.#prefix}.m.>`)).map(({ data }) => parse(data))
    for (const name of gone) {
      for (const record of records) if (record.holders.includes(name)) await this.#release(name, record.topic, record)
      await jetStream.purge(`${this.#prefix}.l.${name}`)
      this.#seen.delete(name)
    }
  }

  #ready (): JetStream {
    if (this.#jetStream === null) throw new EngineDown('nats')
    return this.#jetStream
  }
}

const parse = (data: Buffer): MemberRecord => JSON.parse(data.toString()) as MemberRecord

/** Returns the change that a republished record reports. */
export function memberEvent (data: Uint8Array): { event: '+' | '-' | '', member: Member } {
  const { id, info, event } = parse(Buffer.from(data))
  return { event, member: { id, info } }
}
