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

  /** The answer to a question, which may be older than what was delivered meanwhile. */
  startFrom (cursor: string): void {
    if (this.#sequence === '') this.follow(cursor)
  }

  /** A message was delivered. */
  follow (cursor: string): void {
    this.#sequence = placeOf(cursor)
    this.#cursor = cursor
  }

  /** The connection broke: a server that lost its data gives the same sequences to other messages. */
  forget (): void {
    this.#sequence = this.#cursor = ''
  }

  /** The cursor of the message with this sequence, where it is the last one that was delivered. */
  prev (sequence: string): string | undefined {
    return sequence === this.#sequence ? this.#cursor : undefined
  }
}
