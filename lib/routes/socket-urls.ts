import { UrlPatterns } from '../url-patterns.js'
import type { RouteKind } from './upgrade-constraint.js'

/** The facts about a URL that the plugin needs before Fastify routes the request. */
export interface SocketUrl {
  readonly routeKind: RouteKind
  /** The longest of the routes with this pattern, in milliseconds. */
  readonly handshakeTimeout: number
}

/** The URLs of a set of routes, such as those that accept sockets. */
export class SocketUrls {
  readonly #urls: UrlPatterns<SocketUrl>
  readonly #patterns = new Set<string>()

  /** @param options the options of the application's router */
  constructor (options?: Readonly<Record<string, unknown>>) {
    this.#urls = new UrlPatterns(options)
  }

  add (pattern: string, routeKind: RouteKind, handshakeTimeout: number): void {
    this.#patterns.add(pattern)
    this.#urls.set(pattern, (known) => ({
      // The router prefers a route with the constraint.
      routeKind: known?.routeKind === 'constrained' ? 'constrained' : routeKind,
      handshakeTimeout: Math.max(known?.handshakeTimeout ?? 0, handshakeTimeout)
    }))
  }

  /** Returns undefined if no pattern matches the URL. */
  find (url: string): SocketUrl | undefined {
    return this.#urls.find(url)
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
