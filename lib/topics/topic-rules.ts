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

/** Finds the rules of a topic by its exact name, or by the route pattern that it matches. */
export class TopicRuleBook {
  readonly #defaults: TopicRules
  readonly #exact = new Map<string, TopicRules>()
  readonly #router: ReturnType<typeof findMyWay>

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
    const found = this.#router.find('GET', topic)
    return found === null ? this.#defaults : (found.store as { rules: TopicRules }).rules
  }
}

/* c8 ignore next -- this router finds routes, but never calls their handlers */
function noop (): void {}
