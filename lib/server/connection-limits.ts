import { isIPv6 } from 'node:net'
import { TooManyConnections, TooManyFromAddress } from '../errors.js'

/** Maximum numbers of connections; undefined means no limit. */
export interface ConnectionMaxima {
  readonly maxConnections: number | undefined
  readonly maxConnectionsPerAddress: number | undefined
}

/**
 * Counts the connections of a registration or a route, in total and by address. A connection counts from its handshake
 * on, so unfinished handshakes count against their own address.
 */
export class ConnectionLimits {
  readonly #max: number
  readonly #maxPerAddress: number
  readonly #byAddress = new Map<string, number>()
  #count = 0

  constructor ({ maxConnections = Infinity, maxConnectionsPerAddress = Infinity }: ConnectionMaxima) {
    this.#max = maxConnections
    this.#maxPerAddress = maxConnectionsPerAddress
  }

  /** Returns the error that refuses a further connection from this address, if a limit is reached. */
  refusal (address: string | undefined): Error | undefined {
    if (address !== undefined && this.countOf(address) >= this.#maxPerAddress) return new TooManyFromAddress()
    return this.#count >= this.#max ? new TooManyConnections() : undefined
  }

  get count (): number {
    return this.#count
  }

  countOf (address: string): number {
    return this.#byAddress.get(address) ?? 0
  }

  add (address: string | undefined): void {
    this.#count++
    if (address !== undefined) this.#byAddress.set(address, this.countOf(address) + 1)
  }

  delete (address: string | undefined): void {
    this.#count--
    if (address === undefined) return
    const count = this.countOf(address) - 1
    if (count === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, count)
  }
}

/** Returns the limits of a registration or a route: a list of one, or an empty list if there are none. */
export function createLimits (maxima: ConnectionMaxima): readonly ConnectionLimits[] {
  const isLimited = maxima.maxConnections !== undefined || maxima.maxConnectionsPerAddress !== undefined
  return isLimited ? [new ConnectionLimits(maxima)] : []
}

/**
 * Counts a connection in all of the limits, or in none if it is refused.
 * @param ip undefined if the connection has no address (a UNIX socket): then only the total counts
 * @returns a function that ends the counting; call it once
 * @throws TooManyConnections, TooManyFromAddress
 */
export function acquireConnection (limits: readonly ConnectionLimits[], ip: string | undefined): () => void {
  const address = ip === undefined ? undefined : addressOf(ip)
  for (const limit of limits) {
    const refusal = limit.refusal(address)
    if (refusal !== undefined) throw refusal
  }
  for (const limit of limits) limit.add(address)
  return () => { for (const limit of limits) limit.delete(address) }
}

/**
 * Returns the key by which an IP address is counted. IPv6 addresses share a key if their first 64 bits are the same,
 * because a customer usually has at least a /64 (RFC 6177 §2).
 */
export function addressOf (ip: string): string {
  if (!isIPv6(ip)) return ip
  const [address = ''] = ip.toLowerCase().split('%')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [front = '', back] = address.split('::')
  const groups = front === '' ? [] : front.split(':')
  // A dotted IPv4 end counts as two groups, which are never among the first four.
  const last = back === undefined || back === '' ? [] : back.replace(/\d+\.\d+\.\d+\.\d+$/, '0:0').split(':')
  const zeros = back === undefined ? 0 : 8 - groups.length - last.length
  const all = [...groups, ...Array<string>(zeros).fill('0'), ...last]
  return `${all.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
