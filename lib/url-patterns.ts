import findMyWay from 'find-my-way'

type Router = ReturnType<typeof findMyWay>

/** The router options that decide which URLs match a pattern. */
const MATCHING = [
  'caseSensitive', 'ignoreTrailingSlash', 'ignoreDuplicateSlashes', 'maxParamLength', 'allowUnsafeRegex',
  'useSemicolonDelimiter'
] as const

/** An optional parameter at the end of a pattern, as in find-my-way. */
const OPTIONAL = /(\/:[^/()]*)\?(\/?)$/

function matchingOptions (options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(MATCHING.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]))
}

/**
 * Values by the URL patterns of routes, found as the router of the application finds routes, but whatever their
 * constraints. Patterns that differ for that router only by a constraint share a value.
 */
export class UrlPatterns<Value> {
  readonly #options: Record<string, unknown>
  /** One, unless patterns contradict each other: see `#declare()`. */
  readonly #routers: Router[] = []

  /**
   * @param options the options of the application's router. Only options about matching are used. Constraints are not
   *   used, because the application's router checks them, and find-my-way cannot reuse their frozen strategies.
   */
  constructor (options: Readonly<Record<string, unknown>> = {}) {
    this.#options = { ...matchingOptions(options), querystringParser: noQuery }
  }

  /** @param change returns the value of a pattern; it receives the value that the pattern has */
  set (pattern: string, change: (known: Value | undefined) => Value): void {
    for (const path of this.#pathsOf(pattern)) {
      const known = this.#known(path)
      if (known === undefined) this.#declare(path, { value: change(undefined) })
      else known.value = change(known.value)
    }
  }

  /** Returns undefined if no pattern matches the URL. */
  find (url: string): Value | undefined {
    for (const router of this.#routers) {
      const found = router.find('GET', url)
      if (found !== null) return (found.store as { value: Value }).value
    }
    return undefined
  }

  /** The paths that the router makes of a pattern. Its `findRoute()` expects them in this form. */
  #pathsOf (pattern: string): string[] {
    const paths = OPTIONAL.test(pattern)
      ? [pattern.replace(OPTIONAL, '$1$2'), pattern.replace(OPTIONAL, '$2') || '/']
      : [pattern === '*' ? '/*' : pattern]
    const { ignoreDuplicateSlashes, ignoreTrailingSlash } = this.#options
    return paths.map((path) => {
      const single = ignoreDuplicateSlashes === true ? path.replace(/\/{2,}/g, '/') : path
      return ignoreTrailingSlash === true && single.length > 1 ? single.replace(/\/$/, '') : single
    })
  }

  #known (path: string): { value: Value } | undefined {
    for (const router of this.#routers) {
      const route = router.findRoute('GET', path)
      if (route !== null) return route.store as { value: Value }
    }
    return undefined
  }

  /**
   * Declares a path in the first router that accepts it. A router refuses two parameters at one place that differ only
   * in their regular expression, and that the application's router tells apart by a constraint.
   */
  #declare (path: string, store: { value: Value }): void {
    for (const router of this.#routers) {
      try {
        router.on('GET', path, noop, store)
        return
      } catch {
        // The next router has no such path.
      }
    }
    const router = findMyWay(this.#options)
    router.on('GET', path, noop, store)
    this.#routers.push(router)
  }
}

// The query is not used.
function noQuery (): Record<string, unknown> {
  return {}
}

/* c8 ignore next -- these routers find routes, but never call their handlers */
function noop (): void {}
