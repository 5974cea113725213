import { isRegExp } from 'node:util/types'

/** A list of allowed origins. */
export interface OriginList {
  readonly origins: ReadonlySet<string>
  readonly patterns: readonly RegExp[]
  /** Whether the server's own origin is allowed. */
  readonly hasOwn: boolean
}

/** The list entry for the server's own origin. */
export const SAME_ORIGIN = 'same-origin'

/** Sent by pages without an origin: files, data URLs, sandboxed frames. It does not identify them. */
const NULL_ORIGIN = 'null'

// RFC 6454 §6.2: a scheme, a host and an optional port.
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\s]*)$/

const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([['http', ':80'], ['https', ':443']])

/**
 * Reads a list of origins, which may include `'same-origin'`.
 * @returns the list, or the first invalid entry
 */
export function readOrigins (entries: readonly unknown[]): OriginList | { readonly bad: unknown } {
  const origins = new Set<string>()
  const patterns: RegExp[] = []
  for (const entry of entries) {
    if (isRegExp(entry)) {
      // With these flags, test() would start where the last match ended.
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
 * Whether a list allows an origin. Patterns do not match "null": the list must contain it literally.
 * @param secure whether the client connected over TLS
 * @param host the host and port that the client connected to
 */
export function isListed (
  { origins, patterns, hasOwn }: OriginList, origin: string, secure: boolean, host: string
): boolean {
  if (origin === NULL_ORIGIN) return origins.has(origin)
  const canonical = normalize(origin)
  if (canonical === undefined) return false
  return (hasOwn && canonical === ownOrigin(secure, host)) ||
    origins.has(canonical) ||
    patterns.some((pattern) => pattern.test(canonical))
}

/** Returns the server's own origin. */
export function ownOrigin (secure: boolean, host: string): string | undefined {
  return normalize(`${secure ? 'https' : 'http'}://${host}`)
}

/** Converts an origin to lower case and removes the default port (RFC 6454 §4). */
function normalize (origin: string): string | undefined {
  const [, scheme = '', authority] = ORIGIN.exec(origin.toLowerCase()) ?? []
  if (authority === undefined) return undefined
  const port = DEFAULT_PORTS.get(scheme)
  const host = port !== undefined && authority.endsWith(port) ? authority.slice(0, -port.length) : authority
  return `${scheme}://${host}`
}

// Accepts origins as people write them: with a slash at the end, or with letters that browsers send as Punycode.
function canonicalOrigin (entry: unknown): string | undefined {
  if (typeof entry !== 'string' || !URL.canParse(entry)) return undefined
  const { protocol, host, username, password, pathname, search, hash } = new URL(entry)
  if (username + password + search + hash !== '' || (pathname !== '' && pathname !== '/')) return undefined
  // No page has such an origin: pages use HTTP, and a host is not a pattern.
  if (/^wss?:$/.test(protocol) || host.includes('*')) return undefined
  return normalize(`${protocol}//${host}`)
}
