import { isRegExp } from 'node:util/types'

/** What an origin is compared with: whole origins, patterns, and whether that of the server itself is one of them. */
export interface OriginList {
  readonly origins: ReadonlySet<string>
  readonly patterns: readonly RegExp[]
  readonly hasOwn: boolean
}

/** Stands for the origin of the server in a list. */
export const SAME_ORIGIN = 'same-origin'

/** What pages of no origin send: files, data URLs, sandboxed frames. It says nothing of who they are. */
const NULL_ORIGIN = 'null'

// RFC 6454 §6.2: a scheme, a host and perhaps a port, with nothing behind them.
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\s]*)$/

const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([['http', ':80'], ['https', ':443']])

/**
 * Reads a list of origins, `'same-origin'` among them.
 * @returns the entry that is no origin, where there is one
 */
export function readOrigins (entries: readonly unknown[]): OriginList | { readonly bad: unknown } {
  const origins = new Set<string>()
  const patterns: RegExp[] = []
  for (const entry of entries) {
    if (isRegExp(entry)) {
      // With these flags it would remember where its last match ended.
      patterns.push(new RegExp(entry.source, entry.flags.replace(/[gy]/g, '')))
      continue
    }
    const origin = entry === NULL_ORIGIN || entry === SAME_ORIGIN ? entry : canonicalOrigin(entry)
    if (origin === undefined) return { bad: entry }
    origins.add(origin)
  }
  return { origins, patterns, hasOwn: origins.delete(SAME_ORIGIN) }
}

/**
 * Whether an origin is one of a list. A "null" has to be named: no pattern matches it.
 * @param secure whether the client connected by TLS
 * @param host the host with its port as the client sees it
 */
export function isListed ({ origins, patterns, hasOwn }: OriginList, origin: string, secure: boolean, host: string): boolean {
  if (origin === NULL_ORIGIN) return origins.has(origin)
  const canonical = normalize(origin)
  if (canonical === undefined) return false
  return (hasOwn && canonical === ownOrigin(secure, host)) ||
    origins.has(canonical) ||
    patterns.some((pattern) => pattern.test(canonical))
}

/** The origin of the pages of this server. */
export function ownOrigin (secure: boolean, host: string): string | undefined {
  return normalize(`${secure ? 'https' : 'http'}://${host}`)
}

/** Scheme and host in lower case, and without the port that the scheme has anyway (RFC 6454 §4). */
function normalize (origin: string): string | undefined {
  const [, scheme = '', authority] = ORIGIN.exec(origin.toLowerCase()) ?? []
  if (authority === undefined) return undefined
  const port = DEFAULT_PORTS.get(scheme)
  const host = port !== undefined && authority.endsWith(port) ? authority.slice(0, -port.length) : authority
  return `${scheme}://${host}`
}

// As somebody writes it down, with a slash behind it or letters that browsers send as Punycode.
function canonicalOrigin (entry: unknown): string | undefined {
  if (typeof entry !== 'string' || !URL.canParse(entry)) return undefined
  const { protocol, host, username, password, pathname, search, hash } = new URL(entry)
  if (username + password + search + hash !== '' || (pathname !== '' && pathname !== '/')) return undefined
  // No page has one of these: its address is that of HTTP, and a host is one.
  if (/^wss?:$/.test(protocol) || host.includes('*')) return undefined
  return normalize(`${protocol}//${host}`)
}
