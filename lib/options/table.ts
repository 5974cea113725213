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

/** The definition of one option, for the code and for the table of docs/options.md. */
export interface Option {
  /**
   * Where the option may be given. 'both': to the plugin, as the default of every route, and to a route. 'each': to
   * both, but the plugin's value is not a default, because it has another meaning. 'plugin': to the plugin only.
   */
  readonly scope: 'both' | 'each' | 'plugin'
  readonly unit: string
  /** The default in Markdown, if docs/options.md should not print the value itself. */
  readonly shown?: string
  readonly default: unknown
  /**
   * Checks a value; returns the default for undefined.
   * @throws BadOption
   */
  readonly resolve: (...given: never[]) => unknown
  /** A description in Markdown. */
  readonly sentence: string
}

const whole = (name: string, fallback: number, range: Range) =>
  ({ default: fallback, resolve: (given?: number): number => wholeNumber(name, given, range) ?? fallback })

const switched = (name: string, fallback: boolean) =>
  ({ default: fallback, resolve: (given?: boolean): boolean => flag(name, given) ?? fallback })

/** For options that lib/options/plugin.ts checks. */
const asGiven = (given: unknown): unknown => given

/** All options. The table of docs/options.md is compared with this one. */
export const OPTIONS = {
  versions: {
    scope: 'both',
    unit: 'list',
    default: VERSIONS,
    resolve: resolveVersions,
    sentence: 'accepted protocol versions'
  },
  protocols: {
    scope: 'both',
    unit: 'list or function',
    shown: 'the first offered',
    default: undefined,
    resolve: resolveProtocols,
    sentence:
      'supported subprotocols, or a function that chooses an offered one or none: ' +
      '`(offered: string[], request) => string \\| false`'
  },
  maxPayload: {
    scope: 'both',
    unit: 'bytes',
    shown: '`1048576` (1 MiB)',
    ...whole('maxPayload', 1_048_576, ANY_SIZE),
    sentence:
      'maximum size of a received message; a larger one closes the socket with 1009, and so does text over 512 MiB, ' +
      'the limit of a string'
  },
  maxFragments: {
    scope: 'both',
    unit: 'fragments',
    shown: '`max(1024, maxPayload / 64 + 1)`',
    default: undefined,
    resolve: (given?: number) => wholeNumber('maxFragments', given, ANY_COUNT),
    sentence: 'maximum number of fragments of a message; more close the socket with 1008'
  },
  closeTimeout: {
    scope: 'both',
    unit: 'ms',
    ...whole('closeTimeout', 5_000, ANY_TIME),
    sentence: 'time limit for the closing handshake; then the connection is destroyed'
  },
  origin: {
    scope: 'both',
    unit: '',
    shown: '`\'same-origin\'`',
    default: SAME_ORIGIN,
    resolve: resolveOrigin,
    sentence:
      'allowed origins: a list of origins and patterns, a function, or `true` for any ' +
      '([origins](security.md#origins))'
  },
  maxConnections: {
    scope: 'each',
    unit: 'connections',
    shown: 'no limit',
    default: undefined,
    resolve: (given?: number) => wholeNumber('maxConnections', given, ANY_SIZE),
    sentence:
      'maximum number of connections; further ones get 503. The plugin\'s limit counts all routes of the ' +
      'registration together, a route\'s limit counts that route'
  },
  maxConnectionsPerAddress: {
    scope: 'each',
    unit: 'connections',
    shown: 'no limit',
    default: undefined,
    resolve: (given?: number) => wholeNumber('maxConnectionsPerAddress', given, ANY_COUNT),
    sentence: 'maximum number of connections of one `request.ip`; further ones get 429'
  },
  handshakeTimeout: {
    scope: 'both',
    unit: 'ms',
    ...whole('handshakeTimeout', 10_000, ANY_TIME),
    sentence: 'time limit for the whole handshake, hooks included; then 503, or 408 if the client is late'
  },
  messageRate: {
    scope: 'both',
    unit: 'messages per second',
    shown: 'no limit',
    default: undefined,
    resolve: resolveRate,
    sentence: '`{ rate, burst, policy }`: limits the messages that a socket receives ([limits](security.md#limits))'
  },
  maxLifetime: {
    scope: 'both',
    unit: 'ms',
    shown: 'no limit',
    default: undefined,
    resolve: (given?: number) => wholeNumber('maxLifetime', given, ANY_TIME),
    sentence: 'time after which a socket closes with 1001'
  },
  lifetimeJitter: {
    scope: 'both',
    unit: 'fraction',
    default: 0.1,
    resolve: (given = 0.1) => fraction('lifetimeJitter', given),
    sentence: 'the random part of `maxLifetime`, so that clients do not all reconnect at once'
  },
  heartbeat: {
    scope: 'both',
    unit: 'ms',
    default: resolveHeartbeat(true),
    resolve: resolveHeartbeat,
    sentence:
      'when to ping a silent peer, and when to destroy its connection; `false` turns it off ' +
      '([silent peers](sockets.md#silent-peers))'
  },
  backpressure: {
    scope: 'both',
    unit: 'bytes',
    default: resolveBackpressure({}, 0),
    resolve: resolveBackpressure,
    sentence:
      'how many bytes may be queued for a slow peer, 16 MiB or `maxPayload` if that is more, and what ' +
      'happens then; `false` removes the limit ([slow peers](sockets.md#slow-peers))'
  },
  errorHandler: {
    scope: 'both',
    unit: 'function',
    shown: 'logs, closes with 1011',
    default: undefined,
    resolve: (given?: SocketErrorHandler) => callable('errorHandler', given),
    sentence: '`(error, socket, request, reply)`: called with errors of handlers and listeners of an open socket'
  },
  onInvalid: {
    scope: 'both',
    unit: '`\'close\'`, `\'reply\'`',
    shown: 'the `errorHandler`, or `\'close\'` without one',
    default: undefined,
    resolve: (given?: 'close' | 'reply') => oneOf<'close' | 'reply'>('onInvalid', given, ['close', 'reply']),
    sentence: 'how to handle a message that does not match `schema.message`'
  },
  onBinary: {
    scope: 'both',
    unit: '`\'refuse\'`, `\'pass\'`',
    default: 'refuse',
    resolve: (given?: 'refuse' | 'pass') => oneOf('onBinary', given, ['refuse', 'pass']) ?? 'refuse',
    sentence: 'how a route with `schema.message` handles binary messages'
  },
  validateSend: {
    scope: 'both',
    unit: 'boolean',
    ...switched('validateSend', false),
    sentence:
      'whether `send()` refuses a value that does not match `schema.send` instead of converting it; meant for ' +
      'development and tests, because it reads each value twice'
  },
  perMessageDeflate: {
    scope: 'both',
    unit: 'boolean or object',
    default: false,
    resolve: resolveDeflate,
    sentence: 'whether and how to compress messages ([compression](sockets.md#compression))'
  },
  topic: {
    scope: 'both',
    unit: '`true`, names or function',
    shown: 'none',
    default: undefined,
    resolve: resolveTopic,
    sentence: 'topics that a socket follows; `true` means the path of its URL ([topics](topics.md))'
  },
  history: {
    scope: 'both',
    unit: 'messages, ms',
    default: resolveHistory(undefined),
    resolve: resolveHistory,
    sentence: 'how many messages of these topics are kept, and how long'
  },
  presence: {
    scope: 'both',
    unit: 'function',
    shown: 'no members',
    default: undefined,
    resolve: (given?: MemberChooser) => callable('presence', given),
    sentence: '`(request) => ({ id, … })`: the member that a socket represents'
  },
  engine: {
    scope: 'plugin',
    unit: 'engine',
    shown: 'this process only',
    default: undefined,
    resolve: checkEngine,
    sentence:
      'shares topics with other processes: `redisEngine()` or `natsEngine()` ([scaling](scaling.md))'
  },
  topics: {
    scope: 'plugin',
    unit: 'names, bytes, ms',
    shown: '`{ maxTopics: 100, maxTopicLength: 1024, lease: 30000, grace: 5000, liveInterval: 25000 }`',
    default: resolveTopics(undefined),
    resolve: resolveTopics,
    sentence: 'limits of topics, and times of presence and live clients'
  },
  decorator: {
    scope: 'plugin',
    unit: 'name',
    default: 'ws',
    resolve: (given?: string) => methodName('decorator', given) ?? 'ws',
    sentence:
      'name of the method that declares sockets, if `app.ws` is taken: `\'socket\'` for `app.socket(url, ' +
      'handler)`. In TypeScript, declare it as `FastifyInstance[\'ws\']`'
  },
  directIO: {
    scope: 'plugin',
    unit: 'boolean',
    ...switched('directIO', true),
    sentence:
      'whether to read and write connections by private APIs of Node ' +
      '([notes](performance-notes.md)); a test at start decides whether they work, which is logged at ' +
      'level `debug` (they are not used on macOS)'
  },
  shutdown: {
    scope: 'plugin',
    unit: 'ms',
    default: resolveShutdown({}),
    resolve: resolveShutdown,
    sentence: 'how sockets close when the application closes ([restarts](deployment.md#restarts))'
  },
  preClose: {
    scope: 'plugin',
    unit: 'function',
    shown: 'closes all sockets by `shutdown`',
    default: undefined,
    resolve: asGiven,
    sentence: 'hook that runs when the application closes, instead of closing all sockets'
  },
  options: {
    scope: 'plugin',
    unit: 'object',
    shown: '`{}`',
    default: undefined,
    resolve: asGiven,
    sentence:
      'options of the server of `ws`: `verifyClient`, `handleProtocols`, `clientTracking`, `server`, ' +
      '`maxPayload` ([moving over](migrating.md))'
  }
} satisfies Record<keyof WireOptions, Option>

const all: ReadonlyArray<[name: string, option: Option]> = Object.entries(OPTIONS)

/** The names of the options that a route may have. */
export const SOCKET_OPTIONS: readonly string[] = all.filter(([, { scope }]) => scope !== 'plugin').map(([name]) => name)

/** The names of the options that only the plugin has. */
export const PLUGIN_OPTIONS: readonly string[] = all.filter(([, { scope }]) => scope === 'plugin').map(([name]) => name)

/** Whether a route option belongs to the socket, not to Fastify. */
export function isSocketOption (name: string): boolean {
  return SOCKET_OPTIONS.includes(name)
}

const WHERE = { both: 'both', each: 'plugin, route', plugin: 'plugin' }

/** The rows of the table in docs/options.md. */
export function optionRows (): string[] {
  return all.map(([name, { scope, shown, default: value, unit, sentence }]) => {
    const cells = [`\`${name}\``, WHERE[scope], shown ?? `\`${write(value)}\``, unit, sentence]
    return `|${cells.map((cell) => cell === '' ? ' ' : ` ${cell} `).join('|')}|`
  })
}

/** Formats a value in the style of the linter. */
function write (value: unknown): string {
  return inspect(value, { breakLength: Infinity }).replace(/^\[ /, '[').replace(/ \]$/, ']')
}
