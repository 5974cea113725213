import { placeOf } from './cursor.js'

/** A topic that is subscribed, and the cursor of its newest message that is known here. */
export class NatsTopic {
  subscription: { unsubscribe (): void } | null = null
  presence: { unsubscribe (): void } | null = null
  #sequence = ''
  #cursor = ''

  end (): void {
    this.subscription?.unsubscribe()
    this.presence?.unsubscribe()
  }

  startFrom (cursor: string): void {
    const sequence = placeOf(cursor)
    // The answer to a question may be older than what was delivered meanwhile.
    if (Number(sequence) < Number(this.#sequence)) return
    this.#sequence = sequence
    this.#cursor = cursor
  }

  prev (sequence: string): string | undefined {
    return sequence === this.#sequence ? this.#cursor : undefined
  }
}
