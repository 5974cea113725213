import { RETRY_AFTER } from '../connection-limits.js'

interface Answerable {
  writeHead (status: number, headers: Record<string, string | number>): unknown
  end (body: string): unknown
}

/** Answers an upgrade with 503 past Fastify, in the form of its errors, and says when to come again. */
export function answerUnavailable (response: Answerable, { code, message }: Error & { code: string }): void {
  const body = JSON.stringify({ statusCode: 503, code, error: 'Service Unavailable', message })
  response.writeHead(503, { 'retry-after': RETRY_AFTER, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
