import { moduleUrl } from './place.js'
import type { Row } from './rows.js'

/** A server to be measured. */
export interface Peer {
  readonly name: string
  readonly takes: (row: Row) => boolean
  readonly server: { readonly module: string, readonly entry: string } | { readonly command: string }
}

const ENTRY = moduleUrl('../index').href

const always = (): boolean => true

export const OURS: Peer = { name: 'ours', takes: always, server: { module: 'servers/ours', entry: ENTRY } }

export const PEERS: readonly Peer[] = [
  OURS,
  { name: 'ws', takes: always, server: { module: 'servers/ws', entry: ENTRY } },
  { name: '@fastify/websocket', takes: always, server: { module: 'servers/fastify-websocket', entry: ENTRY } },
  // Raw sockets of Node.js are the lower bound of the cost. They compress nothing.
  { name: 'net', takes: (row) => !row.deflate, server: { module: 'servers/net', entry: ENTRY } }
]

/** This project at another commit. */
export function oursAt (ref: string, entry: string): Peer {
  return { name: `ours at ${ref}`, takes: always, server: { module: 'servers/ours', entry } }
}

/**
 * A server of any language that echoes on /echo of 127.0.0.1.
 * @param command its command line, with `{port}` for the port; its environment also has PORT
 * @param rows prefixes of the names of the rows to measure
 */
export function nativePeer (command: string, rows: readonly string[]): Peer {
  return { name: 'native', takes: (row) => rows.some((name) => row.name.startsWith(name)), server: { command } }
}

/** The peers of these names, or all peers without a name. */
export function pickPeers (names: readonly string[]): Peer[] {
  const unknown = names.find((name) => !PEERS.some((peer) => peer.name === name))
  if (unknown !== undefined) {
    throw new Error(`There is no peer "${unknown}"; there are ${PEERS.map((peer) => peer.name).join(', ')}`)
  }
  return PEERS.filter((peer) => names.length === 0 || names.includes(peer.name))
}
