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
  readonly #router = findMyWay()

  constructor (defaults: TopicRules) {
    this.#defaults = defaults
  }

  /** Later rules for the same pattern take the place of earlier ones. */
  define (pattern: string, rules: Partial<TopicRules>): void {
    const all = { ...this.#defaults, ...rules }
    if (!pattern.startsWith('/')) {
      this.#exact.set(pattern, all)
      return
    }
    const known = this.#router.findRoute('GET', pattern)
    if (known === null) this.#router.on('GET', pattern, nothing, { rules: all })
    else (known.store as { rules: TopicRules }).rules = all
  }

  find (topic: string): TopicRules {
    if (!topic.startsWith('/')) return this.#exact.get(topic) ?? this.#defaults
    const found = this.#router.find('GET', topic)
    return found === null ? this.#defaults : (found.store as { rules: TopicRules }).rules
  }
}

/* c8 ignore next -- this router is asked, and never calls */
function nothing (): void {}
