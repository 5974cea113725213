import findMyWay from 'find-my-way'
import type { Marked } from './upgrade-constraint.js'

/** What is known of a URL before its route is. */
export interface SocketUrl {
  marked: Marked
  /** In milliseconds: the longest of those that routes of this pattern have. */
  handshakeTimeout: number
}

/** The options of the application's router that decide which URLs match a pattern. */
const MATCHING = ['caseSensitive', 'ignoreTrailingSlash', 'ignoreDuplicateSlashes', 'maxParamLength', 'allowUnsafeRegex', 'useSemicolonDelimiter'] as const

/** Those of the application's router options that decide which URLs match a pattern. */
export function matchingOptions (options: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(MATCHING.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]))
}

/** The URLs that hold a socket, whatever else they hold. */
export class SocketUrls {
  readonly #router: ReturnType<typeof findMyWay>
  readonly #patterns = new Set<string>()

  /**
   * @param options those of the application's router. Only what decides about matching is taken: constraint strategies
   *   are objects that find-my-way marks as its own, and Fastify has frozen them. Patterns are kept here without
   *   constraints, which the application's router checks; its other functions are not to be called twice for a request.
   */
  constructor (options: Readonly<Record<string, unknown>> = {}) {
    this.#router = findMyWay({ ...matchingOptions(options), querystringParser: noQuery })
  }

  add (pattern: string, marked: Marked, handshakeTimeout: number): void {
    this.#patterns.add(pattern)
    const known = this.#router.findRoute('GET', pattern)
    // Of two routes at one URL, that under the constraint is the more specific.
    if (known === null) {
      this.#router.on('GET', pattern, nothing, { marked, handshakeTimeout } satisfies SocketUrl)
      return
    }
    const url = known.store as SocketUrl
    if (marked === 'constrained') url.marked = marked
    url.handshakeTimeout = Math.max(url.handshakeTimeout, handshakeTimeout)
  }

  /** What is known of the socket at a URL; undefined where there is none. */
  find (url: string): Readonly<SocketUrl> | undefined {
    const found = this.#router.find('GET', url)
    return found === null ? undefined : found.store as SocketUrl
  }

  /** Whether a route of this very pattern has a socket. */
  holds (pattern: string | undefined): boolean {
    return pattern !== undefined && this.#patterns.has(pattern)
  }
}

/** Of a route as Fastify hands it to an onRoute hook, what its URLs are made of. */
interface RoutedUrl {
  readonly url: string
  /** Without the prefix. */
  readonly routePath: string
  readonly prefix: string
  readonly prefixTrailingSlash?: string
}

/** The URLs of a route. Of a '/' under a prefix Fastify tells once, and declares it without and with the slash. */
export function urlsOf ({ url, routePath, prefix, prefixTrailingSlash }: RoutedUrl): string[] {
  return routePath === '' && prefix !== '' && prefixTrailingSlash !== 'no-slash' ? [url, `${url}/`] : [url]
}

// Nobody reads the query here.
function noQuery (): Record<string, unknown> {
  return {}
}

/* c8 ignore next -- this router is asked, and never calls */
function nothing (): void {}
