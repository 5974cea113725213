import type { Msg } from '@nats-io/transport-node'
import { sequenceOf } from './nats-messages.js'

/** A subscribed topic, with the cursor of the newest message that this process knows. */
export class NatsTopic {
  subscription: { unsubscribe (): void } | null = null
  presence: { unsubscribe (): void } | null = null
  /** The messages that arrived before the answer to the first subscription, which names their predecessor. */
  early: Msg[] | undefined = []
  #sequence = NaN
  #cursor = ''

  end (): void {
    this.subscription?.unsubscribe()
    this.presence?.unsubscribe()
  }

  /** Sets the cursor that the server answered with, unless a message, perhaps a newer one, has arrived meanwhile. */
  startFrom (cursor: string): void {
    if (this.#cursor === '') this.follow(cursor)
  }

  /** Called for each delivered message. */
  follow (cursor: string): void {
    this.#sequence = sequenceOf(cursor)
    this.#cursor = cursor
  }

  /** Called when the connection breaks: a server that lost its data assigns the same sequences to other messages. */
  forget (): void {
    this.#sequence = NaN
    this.#cursor = ''
  }

  /** Called with the answer to the first subscription, or after its failure. Returns the early messages. */
  takeEarly (): readonly Msg[] {
    const early = this.early ?? []
    this.early = undefined
    return early
  }

  /** Returns the cursor of the message with this sequence if it was the last one delivered. */
  prev (sequence: string): string | undefined {
    return Number(sequence) === this.#sequence ? this.#cursor : undefined
  }
}
