import type { Inbound } from '../schema.js'
import type { Conversation } from './conversation.js'
import type { Inbox } from './inbox.js'

/** In place of the value of a message that the schema of the route refuses. */
export const REFUSED = Symbol('refused')

/** The value of a message, on a route with a schema; where it is refused, the route is told. */
export function readValue (conversation: Conversation, inbound: Inbound, data: Buffer, isBinary: boolean): unknown {
  try {
    return inbound.read(data, isBinary)
  } catch (error) {
    conversation.fail(error)
    return REFUSED
  }
}

/** What those who ask get of the next message: text as a string and binary as a Buffer, or its value. */
export function takeNext (conversation: Conversation, inbox: Inbox | undefined): IteratorResult<unknown, undefined> | undefined {
  const { inbound } = conversation.owner
  for (;;) {
    const message = inbox?.take()
    if (message === undefined) return undefined
    const { data, isBinary } = message
    if (inbound === undefined || (isBinary && inbound.passesBinary)) return { done: false, value: isBinary ? data : data.toString() }
    const value = readValue(conversation, inbound, data, isBinary)
    if (value !== REFUSED) return { done: false, value }
  }
}
