// Host [ ":" port ] (RFC 3986 §3.2.2). The comma, which the grammar has, is left out: it means several hosts.
const HOST = /^(?:\[[0-9a-z:.%_~-]+\]|[0-9a-z._~!$&'()*+;=%-]+)(?::\d{0,5})?$/i

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i

/** Whether a host, with or without a port, is well-formed. */
export function isHost (host: string | undefined): host is string {
  return host !== undefined && HOST.test(host)
}

/**
 * The URL that the client connected to, as the hixie drafts want it echoed. Clients compare it with theirs,
 * so the default port is left out, as it is in a client's URL.
 */
export function location (secure: boolean, host: string, target: string): string {
  return (secure ? 'wss://' : 'ws://') + withoutDefaultPort(host, secure ? ':443' : ':80') + resource(target)
}

// An IPv6 address ends with its bracket, so what follows the last colon is always a port.
function withoutDefaultPort (host: string, port: string): string {
  if (host.endsWith(port)) return host.slice(0, -port.length)
  return host.endsWith(':') ? host.slice(0, -1) : host
}

// The request target in any of its forms (RFC 7230 §5.3), as path and query.
function resource (target: string): string {
  if (target.startsWith('/')) return target
  if (!ABSOLUTE_FORM.test(target)) return '/'
  const rest = target.replace(ABSOLUTE_FORM, '')
  return rest.startsWith('/') ? rest : `/${rest}`
}
