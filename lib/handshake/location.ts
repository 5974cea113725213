// Host [ ":" port ] (RFC 3986 §3.2.2). The grammar allows commas, but here they would separate several hosts.
const HOST = /^(?:\[[0-9a-z:.%_~-]+\]|[0-9a-z._~!$&'()*+;=%-]+)(?::\d{0,5})?$/i

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i

/** Whether a host, with or without a port, is valid. */
export function isHost (host: string | undefined): host is string {
  return host !== undefined && HOST.test(host)
}

/**
 * Returns the URL that the client connected to, for the answer of the hixie drafts. Clients compare it with their own,
 * which omits the default port.
 */
export function location (secure: boolean, host: string, target: string): string {
  return (secure ? 'wss://' : 'ws://') + withoutDefaultPort(host, secure ? ':443' : ':80') + resource(target)
}

// An IPv6 address ends with a bracket, so the text after the last colon is always a port.
function withoutDefaultPort (host: string, port: string): string {
  if (host.endsWith(port)) return host.slice(0, -port.length)
  return host.endsWith(':') ? host.slice(0, -1) : host
}

// Returns the path and query of a request target in any form (RFC 7230 §5.3).
function resource (target: string): string {
  if (target.startsWith('/')) return target
  if (!ABSOLUTE_FORM.test(target)) return '/'
  const rest = target.replace(ABSOLUTE_FORM, '')
  return rest.startsWith('/') ? rest : `/${rest}`
}
