import { createHash, randomBytes } from 'node:crypto'

/**
 * A cursor of an engine with a server has the form `place.tag`: the message's place in the server's storage, and a tag
 * made from the message's id. The place alone is ambiguous: a server that lost its data, or was restored from a backup,
 * assigns it to another message.
 */

/** Ids that are used as tags unchanged. */
const PLAIN = /^[\w-]{1,40}$/

export function tagOf (id: string): string {
  return PLAIN.test(id) ? id : `.${createHash('sha256').update(id).digest('base64url').slice(0, 32)}`
}

export const randomTag = (): string => randomBytes(9).toString('base64url')

export const placeOf = (cursor: string): string => cursor.slice(0, cursor.indexOf('.'))

export const tagIn = (cursor: string): string => cursor.slice(cursor.indexOf('.') + 1)
