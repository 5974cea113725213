import type { Retention } from '../engine/engine.js'
import { UrlPatterns } from '../url-patterns.js'

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
  readonly #patterns: UrlPatterns<TopicRules>
  /** The rules of topics that were looked up by pattern. */
  readonly #found = new Map<string, TopicRules>()

  /** @param options the options of the application's router */
  constructor (defaults: TopicRules, options?: Readonly<Record<string, unknown>>) {
    this.#defaults = defaults
    this.#patterns = new UrlPatterns(options)
  }

  /** Defines the rules of a pattern or an exact name. Later rules replace earlier ones. */
  define (pattern: string, rules: Partial<TopicRules>): void {
    if (!pattern.startsWith('/')) {
      this.defineExact(pattern, rules)
      return
    }
    this.#found.clear()
    this.#patterns.set(pattern, () => ({ ...this.#defaults, ...rules }))
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
    const rules = this.#patterns.find(topic) ?? this.#defaults
    if (this.#found.size >= MAX_FOUND) this.#found.clear()
    this.#found.set(topic, rules)
    return rules
  }
}
