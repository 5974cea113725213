import { openFilesLimit } from './cpu.js'

/** One kind of work, measured for all peers. */
export interface Row {
  readonly name: string
  readonly title: string
  readonly load: 'echo' | 'fanout' | 'handshake'
  readonly sockets: number
  /** The length of the payload, in bytes. */
  readonly size: number
  /** How many messages of a socket are under way at a time; for a fan-out, the messages per tick. */
  readonly inFlight: number
  readonly tls: boolean
  /** Whether the payload is JSON and permessage-deflate is offered. */
  readonly deflate: boolean
  /** Whether resident memory is measured as well, in a new process for each round. */
  readonly memory: boolean
  /** How long a new server is warmed up before it is measured, in milliseconds. */
  readonly warm: number
  /** Whether the row is slow: it has a third of the rounds, and longer windows. */
  readonly heavy: boolean
}

const PLAIN = { inFlight: 1, tls: false, deflate: false, memory: false, warm: 300, heavy: false }
const KIB = 1024
const CROWD = 10_000
// The files that a process opens besides the sockets.
const OTHER_FILES = 200

/** @param print called with a line if the limit of open files is too low for all sockets */
export function allRows (print: (line: string) => void): Row[] {
  const crowd = Math.min(CROWD, openFilesLimit() - OTHER_FILES)
  if (crowd < CROWD) {
    print(`Only ${crowd} sockets instead of ${CROWD}: raise the limit of open files (ulimit -n ${CROWD + OTHER_FILES})`)
  }
  return [
    { ...PLAIN, name: 'echo-64', title: 'echo 64 B', load: 'echo', sockets: 64, size: 64 },
    {
      ...PLAIN, name: 'echo-64x16', title: 'echo 64 B, 16 in flight', load: 'echo', sockets: 64, size: 64, inFlight: 16
    },
    { ...PLAIN, name: 'echo-1k', title: 'echo 1 KiB', load: 'echo', sockets: 16, size: KIB },
    {
      ...PLAIN,
      name: 'echo-1kx16',
      title: 'echo 1 KiB, 16 in flight',
      load: 'echo',
      sockets: 16,
      size: KIB,
      inFlight: 16
    },
    { ...PLAIN, name: 'echo-16k', title: 'echo 16 KiB', load: 'echo', sockets: 16, size: 16 * KIB },
    { ...PLAIN, name: 'echo-128k', title: 'echo 128 KiB', load: 'echo', sockets: 16, size: 128 * KIB },
    { ...PLAIN, name: 'echo-1m', title: 'echo 1 MiB', load: 'echo', sockets: 8, size: KIB * KIB },
    { ...PLAIN, name: 'fanout', title: 'fan-out to 500, per delivery', load: 'fanout', sockets: 500, size: 128 },
    {
      ...PLAIN,
      name: 'fanout-8',
      title: 'fan-out to 500, 8 a tick, per delivery',
      load: 'fanout',
      sockets: 500,
      size: 128,
      inFlight: 8
    },
    { ...PLAIN, name: 'handshake', title: 'handshake', load: 'handshake', sockets: 32, size: 0, warm: 1000 },
    { ...PLAIN, name: 'tls', title: 'echo 64 B over TLS', load: 'echo', sockets: 64, size: 64, tls: true },
    {
      ...PLAIN,
      name: 'deflate',
      title: 'echo 1 KiB of JSON, compressed',
      load: 'echo',
      sockets: 256,
      size: KIB,
      deflate: true,
      memory: true
    },
    {
      ...PLAIN,
      name: 'crowd',
      title: `echo 64 B, ${crowd.toLocaleString('en')} sockets`,
      load: 'echo',
      sockets: crowd,
      size: 64,
      memory: true,
      warm: 600,
      heavy: true
    }
  ]
}

/** The rows whose names begin with one of these, or all rows without a name. */
export function pickRows (rows: readonly Row[], names: readonly string[]): Row[] {
  for (const name of names) {
    if (!rows.some((row) => row.name.startsWith(name))) {
      throw new Error(`There is no row "${name}"; there are ${rows.map((row) => row.name).join(', ')}`)
    }
  }
  return rows.filter((row) => names.length === 0 || names.some((name) => row.name.startsWith(name)))
}
