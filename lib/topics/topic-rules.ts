import findMyWay from 'find-my-way'
import type { Retention } from '../engine/engine.js'

/** What holds for a topic. */
export interface TopicRules {
  readonly retention: Retention
  /** Whether the topic has members. */
  readonly hasPresence: boolean
  /** Makes text of a value, by `schema.send` of the route whose URL the topic is. */
  readonly write?: ((value: unknown) => string) | undefined
}

/** Finds the rules of a topic: by its exact name, or by the route pattern that its path matches. */
export class TopicRuleBook {
  readonly #defaults: TopicRules
  readonly #exact = new Map<string, TopicRules>()
  readonly #router: ReturnType<typeof findMyWay>

  /** @param matching the options of the application's router that decide which URLs match a pattern */
  constructor (defaults: TopicRules, matching: Readonly<Record<string, unknown>> = {}) {
    this.#defaults = defaults
    this.#router = findMyWay(matching)
  }

  /** Later rules for the same pattern take the place of earlier ones. */
  define (pattern: string, rules: Partial<TopicRules>): void {
    if (!pattern.startsWith('/')) {
      this.defineExact(pattern, rules)
      return
    }
    const all = { ...this.#defaults, ...rules }
    const known = this.#router.findRoute('GET', pattern)
    if (known === null) this.#router.on('GET', pattern, nothing, { rules: all })
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

/* c8 ignore next -- this router is asked, and never calls */
function nothing (): void {}
