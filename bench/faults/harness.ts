import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LocalServer } from '../../test/fixtures/local-server.js'
import { TcpProxy } from '../../test/fixtures/tcp-proxy.js'

export interface FaultResult {
  readonly published: number
  readonly accepted: number
  /** Accepted messages that a listener never had, and was told no gap for. */
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
  /** Gaps that processes reported, and processes that missed accepted messages. */
  readonly gaps: number
  readonly missing: number
}

export interface Cast {
  readonly engine: LocalServer
  readonly proxy: TcpProxy
  /** Kills a process, and starts another in its place. */
  replace (index: number): Promise<void>
  /** Resolves when so many more messages were accepted. */
  more (count: number): Promise<void>
}

export interface HarnessOptions {
  readonly kind: 'redis' | 'nats'
  readonly start: () => Promise<LocalServer>
  readonly messages: number
  readonly listeners: number
  readonly processes?: number
  readonly fault: (cast: Cast) => Promise<void>
}

const IN_FLIGHT = 30
const PATIENCE = 60_000

/** What one process, from its start to its end, was delivered by each of its listeners. */
class Member {
  readonly seen: string[][]
  gaps = 0
  wasKilled = false
  /** The messages that were accepted before it followed the topic are not for it. */
  from = 0
  readonly child: ChildProcess

  constructor (child: ChildProcess, listeners: number) {
    this.child = child
    this.seen = Array.from({ length: listeners }, () => [])
  }
}

/** Publishes from all processes while something breaks, and compares what was accepted with what arrived. */
export async function runFault ({ kind, start, messages, listeners, processes = 3, fault }: HarnessOptions): Promise<FaultResult> {
  const engine = await start()
  const proxy = new TcpProxy(engine.port)
  const url = engine.url.replace(/\d+$/, String(await proxy.listen()))
  const file = import.meta.url.endsWith('.ts') ? './server.ts' : './server.js'
  const script = fileURLToPath(new URL(file, import.meta.url))
  const all: Member[] = []
  const current: Member[] = []
  const accepted: string[] = []
  const owners = new Map<string, Member>()
  let published = 0
  let wake: () => void = () => {}
  const spawn = async (index: number): Promise<void> => {
    const child = fork(script, [kind, url, String(listeners)])
    const member = new Member(child, listeners)
    child.on('error', () => {})
    child.on('message', (message: { delivered?: string[], accepted?: string, rejected?: string, gap?: true }) => {
      for (const each of message.delivered ?? []) {
        const colon = each.indexOf(':')
        member.seen[Number(each.slice(0, colon))]!.push(each.slice(colon + 1))
      }
      if (message.gap === true) member.gaps++
      if (message.accepted !== undefined) accepted.push(message.accepted)
      const settled = message.accepted ?? message.rejected
      if (settled !== undefined) owners.delete(settled)
      wake()
    })
    await new Promise<void>((resolve, reject) => {
      child.on('message', ({ isReady }: { isReady?: true }) => { if (isReady === true) resolve() })
      child.once('exit', () => { reject(new Error('a process of the harness ended')) })
    })
    member.from = published
    all.push(member)
    current[index] = member
  }
  const until = async (condition: () => boolean): Promise<void> => {
    for (const end = Date.now() + PATIENCE; !condition();) {
      if (Date.now() > end) throw new Error(`nothing more came: ${accepted.length} of ${published} accepted`)
      await new Promise<void>((resolve) => {
        wake = resolve
        setTimeout(resolve, 100)
      })
    }
  }
  const end = async (member: Member): Promise<void> => {
    member.wasKilled = true
    if (member.child.exitCode !== null || member.child.signalCode !== null) return
    const gone = once(member.child, 'exit')
    member.child.kill('SIGKILL')
    await gone
    for (const [text, owner] of owners) if (owner === member) owners.delete(text)
  }
  const publish = (): void => {
    const living = current.filter(({ wasKilled }) => !wasKilled)
    const member = living[published % living.length] as Member
    const text = String(published++)
    owners.set(text, member)
    // One that is killed meanwhile is noticed where it is killed.
    member.child.send({ publish: text }, () => {})
  }
  try {
    for (let i = 0; i < processes; i++) await spawn(i)
    let isBroken = true
    const isPublishing = (): boolean => isBroken || published < messages
    const publishing = (async () => {
      while (isPublishing()) {
        while (owners.size < IN_FLIGHT && isPublishing()) publish()
        await until(() => owners.size < IN_FLIGHT)
      }
    })()
    const faulted = fault({
      engine,
      proxy,
      replace: async (index) => {
        await end(current[index] as Member)
        await spawn(index)
      },
      more: async (count) => {
        const enough = accepted.length + count
        await until(() => accepted.length >= enough)
      }
    }).finally(() => { isBroken = false })
    await Promise.all([publishing, faulted])
    await until(() => owners.size === 0)
    // Two messages after all others: the second one shows a hole before the first.
    const last = [0, 1].map(() => { publish(); return String(published - 1) })
    await until(() => current.every(({ seen }) => seen.every((list) => list.includes(last[1] as string))))
    return compare(all, accepted, published)
  } finally {
    await Promise.all(all.map(end))
    await proxy.close()
    await engine.stop()
  }
}

function compare (all: readonly Member[], accepted: readonly string[], published: number): FaultResult {
  let [lost, doubled, outOfOrder, gaps, missing] = [0, 0, 0, 0, 0]
  const reference = all.map(({ seen }) => seen[0]!).sort((a, b) => b.length - a.length)[0] as string[]
  const place = new Map(reference.map((text, i) => [text, i]))
  for (const { seen, gaps: told, wasKilled, from } of all) {
    gaps += told
    for (const list of seen) {
      const set = new Set(list)
      doubled += list.length - set.size
      let before = -1
      for (const text of list) {
        const at = place.get(text) ?? before
        if (at < before) outOfOrder++
        before = Math.max(at, before)
      }
      if (wasKilled) continue
      const missed = accepted.filter((text) => Number(text) >= from && !set.has(text)).length
      missing += missed
      if (told === 0) lost += missed
    }
  }
  return { published, accepted: accepted.length, lost, doubled, outOfOrder, gaps, missing }
}
