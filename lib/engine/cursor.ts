import { createHash, randomBytes } from 'node:crypto'

/**
 * The cursors of engines that have a server: where it keeps the message, a dot, and a tag that stands for the id of the
 * message. The place alone would lie: a server that lost its data, or was restored from a copy, gives it to another
 * message.
 */

/** Ids that can stand in a cursor as they are. */
const PLAIN = /^[\w-]{1,40}$/

export function tagOf (id: string): string {
  return PLAIN.test(id) ? id : `.${createHash('sha256').update(id).digest('base64url').slice(0, 32)}`
}

export const randomTag = (): string => randomBytes(9).toString('base64url')

export const placeOf = (cursor: string): string => cursor.slice(0, cursor.indexOf('.'))

export const tagIn = (cursor: string): string => cursor.slice(cursor.indexOf('.') + 1)
