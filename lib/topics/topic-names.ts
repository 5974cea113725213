import { TopicInvalid } from '../errors.js'

const ESCAPE = /%[0-9a-f]{2}/gi
// RFC 3986 §2.3: an escaped unreserved character is equivalent to the character.
const UNRESERVED = /^[\w.~-]$/
const NOT_IN_URLS = /[^\x21-\x7e]+/g
const NOT_NORMAL = /[^\x21-\x7e]|[?#%]/

/**
 * Returns the topic of a URL: its normalized path (RFC 3986 §6.2.2). Names that do not begin with '/' are not changed.
 */
export function normalizeTopic (name: string): string {
  if (!name.startsWith('/') || !NOT_NORMAL.test(name)) return name
  const end = name.search(/[?#]/)
  const path = end === -1 ? name : name.slice(0, end)
  return path.replace(NOT_IN_URLS, encodeURIComponent).replace(ESCAPE, normalizeEscape)
}

function normalizeEscape (escape: string): string {
  const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
  return UNRESERVED.test(character) ? character : escape.toUpperCase()
}

/**
 * Validates and normalizes the name of a topic.
 * @param maxLength in bytes of UTF-8
 * @throws TopicInvalid
 */
export function readTopic (name: unknown, maxLength: number): string {
  if (typeof name !== 'string' || name === '') throw new TopicInvalid('a string that is not empty')
  if (!name.isWellFormed()) throw new TopicInvalid('well-formed Unicode')
  const topic = normalizeTopic(name)
  // A UTF-16 code unit takes at most three bytes in UTF-8.
  if (topic.length * 3 > maxLength && Buffer.byteLength(topic) > maxLength) {
    throw new TopicInvalid(`at most ${maxLength} bytes (the option maxTopicLength)`)
  }
  return topic
}
