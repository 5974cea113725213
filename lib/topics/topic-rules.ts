import findMyWay from 'find-my-way'
import type { Retention } from '../engine/engine.js'

/** The rules of a topic. */
export interface TopicRules {
  readonly retention: Retention
  /** Whether the topic has members. */
  readonly hasPresence: boolean
  /** Serializes a value by `schema.send` of the route whose URL is the topic. */
  readonly write?: ((value: unknown) => string) | undefined
}

/** The number of remembered topics at which they are forgotten. */
const MAX_FOUND = 10_000

/** Finds the rules of a topic by its exact name, or by the route pattern that it matches. */
export class TopicRuleBook {
  readonly #defaults: TopicRules
  readonly #exact = new Map<string, TopicRules>()
  readonly #router: ReturnType<typeof findMyWay>
  /** The rules of topics that were looked up in the router. */
  readonly #found = new Map<string, TopicRules>()

  /** @param matching the options of the application's router that decide which URLs match a pattern */
  constructor (defaults: TopicRules, matching: Readonly<Record<string, unknown>> = {}) {
    this.#defaults = defaults
    this.#router = findMyWay(matching)
  }

  /** Defines the rules of a pattern or an exact name. Later rules replace earlier ones. */
  define (pattern: string, rules: Partial<TopicRules>): void {
    if (!pattern.startsWith('/')) {
      this.defineExact(pattern, rules)
      return
    }
    this.#found.clear()
    const all = { ...this.#defaults, ...rules }
    const known = this.#router.findRoute('GET', pattern)
    if (known === null) this.#router.on('GET', pattern, noop, { rules: all })
    else (known.store as { rules: TopicRules }).rules = all
  }

  defineExact (topic: string, rules: Partial<TopicRules>): void {
    this.#exact.set(topic, { ...this.#defaults, ...rules })
  }

  find (topic: string): TopicRules {
    const exact = this.#exact.get(topic)
    if (exact !== undefined) return exact
    if (!topic.startsWith('/')) return this.#defaults
    return this.#found.get(topic) ?? this.#route(topic)
  }

  #route (topic: string): TopicRules {
    const found = this.#router.find('GET', topic)
    const rules = found === null ? this.#defaults : (found.store as { rules: TopicRules }).rules
    if (this.#found.size >= MAX_FOUND) this.#found.clear()
    this.#found.set(topic, rules)
    return rules
  }
}

/* c8 ignore next -- this router finds routes, but never calls their handlers */
function noop (): void {}
