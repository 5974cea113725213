import type { IncomingHttpHeaders } from 'node:http'

/** The value of a header. Repeated headers are one list, whoever parsed them (RFC 7230 §3.2.2). */
export function header (headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** The elements of a comma list. Empty ones are skipped, as a recipient must (RFC 7230 §7). */
export function elements (value: string): string[] {
  return value.split(',').map(trimmed).filter(element => element !== '')
}

/** Whether a comma list holds a token, which must be given in lower case. */
export function hasToken (value: string | undefined, token: string): boolean {
  if (value === undefined) return false
  // The usual case, one token and nothing else.
  if (value.length === token.length) return value.toLowerCase() === token
  return elements(value).some(element => element.toLowerCase() === token)
}

// Only space and tab are optional whitespace (RFC 7230 §3.2.3): trim() would take a no-break space as well,
// and a regular expression for the trailing part takes quadratic time.
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
