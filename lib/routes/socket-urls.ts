import findMyWay from 'find-my-way'
import type { RouteKind } from './upgrade-constraint.js'

/** The facts about a URL that the plugin needs before Fastify routes the request. */
export interface SocketUrl {
  routeKind: RouteKind
  /** The longest of the routes with this pattern, in milliseconds. */
  handshakeTimeout: number
}

/** The router options that decide which URLs match a pattern. */
const MATCHING = [
  'caseSensitive', 'ignoreTrailingSlash', 'ignoreDuplicateSlashes', 'maxParamLength', 'allowUnsafeRegex',
  'useSemicolonDelimiter'
] as const

/** Picks the router options that decide which URLs match a pattern. */
export function matchingOptions (options: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(MATCHING.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]))
}

/** The URLs of a set of routes, such as those that accept sockets. */
export class SocketUrls {
  readonly #router: ReturnType<typeof findMyWay>
  readonly #patterns = new Set<string>()

  /**
   * @param options the options of the application's router. Only options about matching are used. Constraints are not
   *   used, because the application's router checks them, and find-my-way cannot reuse their frozen strategies.
   */
  constructor (options: Readonly<Record<string, unknown>> = {}) {
    this.#router = findMyWay({ ...matchingOptions(options), querystringParser: noQuery })
  }

  add (pattern: string, routeKind: RouteKind, handshakeTimeout: number): void {
    this.#patterns.add(pattern)
    const known = this.#router.findRoute('GET', pattern)
    if (known === null) {
      this.#router.on('GET', pattern, noop, { routeKind, handshakeTimeout } satisfies SocketUrl)
      return
    }
    const url = known.store as SocketUrl
    // The router prefers a route with the constraint.
    if (routeKind === 'constrained') url.routeKind = routeKind
    url.handshakeTimeout = Math.max(url.handshakeTimeout, handshakeTimeout)
  }

  /** Returns undefined if no pattern matches the URL. */
  find (url: string): Readonly<SocketUrl> | undefined {
    const found = this.#router.find('GET', url)
    return found === null ? undefined : found.store as SocketUrl
  }

  /** Whether this exact pattern was added. */
  holds (pattern: string | undefined): boolean {
    return pattern !== undefined && this.#patterns.has(pattern)
  }
}

/** The parts of a route, as Fastify passes it to an onRoute hook, that determine its URLs. */
interface RoutedUrl {
  readonly url: string
  /** Without the prefix. */
  readonly routePath: string
  readonly prefix: string
  readonly prefixTrailingSlash?: string
}

/** The URLs of a route. Fastify reports a '/' under a prefix once, and declares it with and without the slash. */
export function urlsOf ({ url, routePath, prefix, prefixTrailingSlash }: RoutedUrl): string[] {
  return routePath === '' && prefix !== '' && prefixTrailingSlash !== 'no-slash' ? [url, `${url}/`] : [url]
}

// The query is not used.
function noQuery (): Record<string, unknown> {
  return {}
}

/* c8 ignore next -- this router finds routes, but never calls their handlers */
function noop (): void {}
