import { inspect } from 'node:util'
import { SAME_ORIGIN } from '../handshake/origin.js'
import { VERSIONS } from '../versions.js'
import { resolveOrigin, resolveRate } from './admission.js'
import {
  ANY_COUNT, ANY_SIZE, ANY_TIME, callable, flag, fraction, methodName, oneOf, wholeNumber, type Range
} from './checks.js'
import { resolveDeflate } from './deflate.js'
import { resolveBackpressure, resolveHeartbeat, resolveShutdown } from './life.js'
import type { SocketErrorHandler, WireOptions } from './options.js'
import { resolveProtocols, resolveVersions } from './protocols.js'
import { checkEngine, resolveHistory, resolveTopic, resolveTopics, type MemberChooser } from './topics.js'

/** One option: all that the code and the README say of it. */
export interface Option {
  /**
   * Where it is given. 'both': the plugin's is the default of every route. 'each': to the plugin and to a route, with a
   * meaning of its own. 'plugin': to the plugin only.
   */
  readonly scope: 'both' | 'each' | 'plugin'
  readonly unit: string
  /** The default as the README writes it, where the value does not say it. */
  readonly shown?: string
  readonly default: unknown
  /**
   * Checks what was given; the default where nothing was.
   * @throws BadOption
   */
  readonly resolve: (...given: never[]) => unknown
  /** What it does, for the table of the README. */
  readonly sentence: string
}

const whole = (name: string, fallback: number, range: Range) =>
  ({ default: fallback, resolve: (given?: number): number => wholeNumber(name, given, range) ?? fallback })

const switched = (name: string, fallback: boolean) =>
  ({ default: fallback, resolve: (given?: boolean): boolean => flag(name, given) ?? fallback })

/** For what is checked with the other options of @fastify/websocket, by lib/options/plugin.ts. */
const asGiven = (given: unknown): unknown => given

/** Every option, once: names, defaults and checks come from here, and the table of the README is compared with it. */
export const OPTIONS = {
  versions: {
    scope: 'both',
    unit: 'list',
    default: VERSIONS,
    resolve: resolveVersions,
    sentence: 'the protocol versions that are answered'
  },
  protocols: {
    scope: 'both',
    unit: 'list or function',
    shown: 'the first one offered',
    default: undefined,
    resolve: resolveProtocols,
    sentence:
      'the subprotocols spoken here, or `(offered: string[], request) => string \\| false`, which chooses ' +
      'one of those offered, or none'
  },
  maxPayload: {
    scope: 'both',
    unit: 'bytes',
    shown: '`1048576` (1 MiB)',
    ...whole('maxPayload', 1_048_576, ANY_SIZE),
    sentence:
      'the largest message; a larger one closes with 1009, and so does text over 512 MiB, which no string ' +
      'can hold'
  },
  maxFragments: {
    scope: 'both',
    unit: 'fragments',
    shown: '`max(1024, maxPayload / 64 + 1)`',
    default: undefined,
    resolve: (given?: number) => wholeNumber('maxFragments', given, ANY_COUNT),
    sentence: 'how many fragments one message may have; more close with 1008'
  },
  closeTimeout: {
    scope: 'both',
    unit: 'ms',
    ...whole('closeTimeout', 5_000, ANY_TIME),
    sentence: 'how long the peer may take over the closing handshake before the connection is cut'
  },
  origin: {
    scope: 'both',
    unit: '',
    shown: '`\'same-origin\'`',
    default: SAME_ORIGIN,
    resolve: resolveOrigin,
    sentence:
      'whose pages may connect: origins, patterns, a function, or `true` for any ' +
      '([below](#who-may-connect))'
  },
  maxConnections: {
    scope: 'each',
    unit: 'connections',
    shown: 'any number',
    default: undefined,
    resolve: (given?: number) => wholeNumber('maxConnections', given, ANY_SIZE),
    sentence:
      'given to the plugin, of all routes of that registration together; given to a route, of that route; ' +
      'one more gets 503'
  },
  maxConnectionsPerAddress: {
    scope: 'each',
    unit: 'connections',
    shown: 'any number',
    default: undefined,
    resolve: (given?: number) => wholeNumber('maxConnectionsPerAddress', given, ANY_COUNT),
    sentence: 'the same for one `request.ip`; one more gets 429'
  },
  handshakeTimeout: {
    scope: 'both',
    unit: 'ms',
    ...whole('handshakeTimeout', 10_000, ANY_TIME),
    sentence: 'how long all of a handshake may take, hooks included; then 503, or 408 when the client is late'
  },
  messageRate: {
    scope: 'both',
    unit: 'messages per second',
    shown: 'any number',
    default: undefined,
    resolve: resolveRate,
    sentence: '`{ rate, burst, policy }`: how many messages a socket may receive ([below](#limits))'
  },
  maxLifetime: {
    scope: 'both',
    unit: 'ms',
    shown: 'without end',
    default: undefined,
    resolve: (given?: number) => wholeNumber('maxLifetime', given, ANY_TIME),
    sentence: 'how long a socket may be open before it closes with 1001'
  },
  lifetimeJitter: {
    scope: 'both',
    unit: 'fraction',
    default: 0.1,
    resolve: (given = 0.1) => fraction('lifetimeJitter', given),
    sentence: 'by how much a lifetime may be shorter, so that not all sockets come back at once'
  },
  heartbeat: {
    scope: 'both',
    unit: 'ms',
    default: resolveHeartbeat(true),
    resolve: resolveHeartbeat,
    sentence: 'when a silent peer gets a ping, and when it is cut; `false` for never ([below](#silent-peers))'
  },
  backpressure: {
    scope: 'both',
    unit: 'bytes',
    default: resolveBackpressure({}, 0),
    resolve: resolveBackpressure,
    sentence:
      'how much may wait for a peer that reads slowly, 16 MiB or `maxPayload` if that is more, and what ' +
      'happens then; `false` lets all wait ([below](#slow-peers))'
  },
  errorHandler: {
    scope: 'both',
    unit: 'function',
    shown: 'logs, closes with 1011',
    default: undefined,
    resolve: (given?: SocketErrorHandler) => callable('errorHandler', given),
    sentence: '`(error, socket, request, reply)`: what a handler or listener threw once the socket was open'
  },
  onInvalid: {
    scope: 'both',
    unit: '`\'close\'`, `\'reply\'`',
    shown: 'the `errorHandler`, or `\'close\'` without one',
    default: undefined,
    resolve: (given?: 'close' | 'reply') => oneOf<'close' | 'reply'>('onInvalid', given, ['close', 'reply']),
    sentence: 'what is done with a message that `schema.message` refuses'
  },
  onBinary: {
    scope: 'both',
    unit: '`\'refuse\'`, `\'pass\'`',
    default: 'refuse',
    resolve: (given?: 'refuse' | 'pass') => oneOf('onBinary', given, ['refuse', 'pass']) ?? 'refuse',
    sentence: 'what a route with `schema.message` does with binary messages'
  },
  validateSend: {
    scope: 'both',
    unit: 'boolean',
    ...switched('validateSend', false),
    sentence:
      'whether `send()` refuses a value that does not match `schema.send`, in place of converting it; for ' +
      'development and tests, since it reads each value twice'
  },
  perMessageDeflate: {
    scope: 'both',
    unit: 'boolean or object',
    default: false,
    resolve: resolveDeflate,
    sentence: 'compression: see below'
  },
  topic: {
    scope: 'both',
    unit: '`true`, names or function',
    shown: 'none',
    default: undefined,
    resolve: resolveTopic,
    sentence: 'the topics that a socket follows; `true` for the path of its URL ([docs/topics.md](docs/topics.md))'
  },
  history: {
    scope: 'both',
    unit: 'messages, ms',
    default: resolveHistory(undefined),
    resolve: resolveHistory,
    sentence: 'how much of these topics is kept'
  },
  presence: {
    scope: 'both',
    unit: 'function',
    shown: 'no members',
    default: undefined,
    resolve: (given?: MemberChooser) => callable('presence', given),
    sentence: '`(request) => ({ id, … })`: whom a socket stands for'
  },
  engine: {
    scope: 'plugin',
    unit: 'engine',
    shown: 'this process',
    default: undefined,
    resolve: checkEngine,
    sentence: 'what carries topics to other processes: `redisEngine()`, `natsEngine()` ([docs/scaling.md](docs/scaling.md))'
  },
  topics: {
    scope: 'plugin',
    unit: 'names, bytes, ms',
    shown: '`{ maxTopics: 100, maxTopicLength: 1024, lease: 30000, grace: 5000, liveInterval: 25000 }`',
    default: resolveTopics(undefined),
    resolve: resolveTopics,
    sentence: 'the most topics of one socket, the longest name, and the times of presence and of live clients'
  },
  decorator: {
    scope: 'plugin',
    unit: 'name',
    default: 'ws',
    resolve: (given?: string) => methodName('decorator', given) ?? 'ws',
    sentence:
      'the method that declares sockets, where `app.ws` is taken: `\'socket\'` for `app.socket(url, ' +
      'handler)`. In TypeScript, declare it as `FastifyInstance[\'ws\']`'
  },
  directIO: {
    scope: 'plugin',
    unit: 'boolean',
    ...switched('directIO', true),
    sentence:
      'whether connections are read and written in a way that Node does not make public ' +
      '([docs/performance.md](docs/performance.md)); it is tested at start, within the process, and used ' +
      'only where it works (not on macOS); the log says so at level `debug`'
  },
  shutdown: {
    scope: 'plugin',
    unit: 'ms',
    default: resolveShutdown({}),
    resolve: resolveShutdown,
    sentence: 'how the sockets are closed when the application closes ([below](#closing-the-application))'
  },
  preClose: {
    scope: 'plugin',
    unit: 'function',
    shown: 'closes every socket as `shutdown` says',
    default: undefined,
    resolve: asGiven,
    sentence: 'runs in place of that when the application closes'
  },
  options: {
    scope: 'plugin',
    unit: 'object',
    shown: '`{}`',
    default: undefined,
    resolve: asGiven,
    sentence:
      'those of the server of `ws`: `verifyClient`, `handleProtocols`, `clientTracking`, `server`, ' +
      '`maxPayload` ([docs/migrating.md](docs/migrating.md))'
  }
} satisfies Record<keyof WireOptions, Option>

const all: ReadonlyArray<[name: string, option: Option]> = Object.entries(OPTIONS)

/** The names of the options of a socket, which a route may have. */
export const SOCKET_OPTIONS: readonly string[] = all.filter(([, { scope }]) => scope !== 'plugin').map(([name]) => name)

/** The names of those that only the plugin has. */
export const PLUGIN_OPTIONS: readonly string[] = all.filter(([, { scope }]) => scope === 'plugin').map(([name]) => name)

/** Tells the options of the socket from those of the Fastify route. */
export function isSocketOption (name: string): boolean {
  return SOCKET_OPTIONS.includes(name)
}

const WHERE = { both: 'both', each: 'plugin, route', plugin: 'plugin' }

/** The rows of the table in the README. */
export function optionRows (): string[] {
  return all.map(([name, { scope, shown, default: value, unit, sentence }]) =>
    `| \`${name}\` | ${WHERE[scope]} | ${shown ?? `\`${write(value)}\``} | ${unit === '' ? '' : `${unit} `}| ${sentence} |`)
}

/** As the linter would have it. */
function write (value: unknown): string {
  return inspect(value, { breakLength: Infinity }).replace(/^\[ /, '[').replace(/ \]$/, ']')
}
