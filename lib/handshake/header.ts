import type { IncomingHttpHeaders } from 'node:http'

/** Returns the value of a header. Repeated headers are joined into one list (RFC 7230 §3.2.2). */
export function header (headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** Returns the elements of a comma-separated list, without empty ones (RFC 7230 §7). */
export function elements (value: string): string[] {
  return value.split(',').map(trimmed).filter(element => element !== '')
}

/**
 * Whether a comma-separated list contains a token.
 * @param token in lower case
 */
export function hasToken (value: string | undefined, token: string): boolean {
  if (value === undefined) return false
  // The usual case: a single token.
  if (value.length === token.length) return value.toLowerCase() === token
  return elements(value).some(element => element.toLowerCase() === token)
}

// Only space and tab are optional whitespace (RFC 7230 §3.2.3). trim() would also remove no-break spaces, and a regular
// expression for the end takes quadratic time.
function trimmed (text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isWhitespace(text.charCodeAt(start))) start++
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isWhitespace (unit: number): boolean {
  return unit === 0x20 || unit === 0x09
}
