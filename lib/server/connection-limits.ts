import { isIPv6 } from 'node:net'
import { TooManyConnections, TooManyFromAddress } from '../errors.js'

/** How many connections there may be; undefined for any number. */
export interface ConnectionMaxima {
  readonly maxConnections: number | undefined
  readonly maxConnectionsPerAddress: number | undefined
}

/**
 * Counts the connections of a registration or of a route, in all and by address. A connection counts from its handshake
 * on, so that handshakes which are never finished fill the room of nobody but their sender.
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

  /** Why one more connection of this address is one too many. */
  refusal (address: string | undefined): Error | undefined {
    if (address !== undefined && this.countOf(address) >= this.#maxPerAddress) return new TooManyFromAddress()
    return this.#count >= this.#max ? new TooManyConnections() : undefined
  }

  get count (): number {
    return this.#count
  }

  /** How many addresses are counted: those without a connection are forgotten. */
  get addresses (): number {
    return this.#byAddress.size
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

/** The limits of a registration or of a route, in a list that is empty where there are none. */
export function createLimits (maxima: ConnectionMaxima): readonly ConnectionLimits[] {
  const isLimited = maxima.maxConnections !== undefined || maxima.maxConnectionsPerAddress !== undefined
  return isLimited ? [new ConnectionLimits(maxima)] : []
}

/**
 * Takes a place within all of the limits, or within none.
 * @param ip undefined where the connection has no address (a UNIX socket): then it is counted in all only
 * @returns what gives the place back, to be called once
 * @throws TooManyConnections, TooManyFromAddress
 */
export function takePlace (limits: readonly ConnectionLimits[], ip: string | undefined): () => void {
  const address = ip === undefined ? undefined : addressOf(ip)
  for (const limit of limits) {
    const refusal = limit.refusal(address)
    if (refusal !== undefined) throw refusal
  }
  for (const limit of limits) limit.add(address)
  return () => { for (const limit of limits) limit.delete(address) }
}

/** Who an IP address stands for: all that share the first 64 bits of an IPv6 address, since one customer has that many at least (RFC 6177 §2). */
export function addressOf (ip: string): string {
  if (!isIPv6(ip)) return ip
  const [address = ''] = ip.toLowerCase().split('%')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [front = '', back] = address.split('::')
  const groups = front === '' ? [] : front.split(':')
  // A dotted end, if there is one, stands for two groups, and is never among the first four.
  const behind = back === undefined || back === '' ? [] : back.replace(/\d+\.\d+\.\d+\.\d+$/, '0:0').split(':')
  const zeros = back === undefined ? 0 : 8 - groups.length - behind.length
  const all = [...groups, ...Array<string>(zeros).fill('0'), ...behind]
  return `${all.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
