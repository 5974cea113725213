// A test file covers the module that it mirrors. Tests in test/behaviour/ cover all between a route and a stream,
// and tests of a part of the socket cover the socket too. Tests with other people's clients cover nothing.
import { existsSync } from 'node:fs'
import { filesOf } from './test/processes.js'

const SOCKET = ['socket', 'emitter-face', 'event-target-face', 'topics-face'].map((name) => `lib/socket/${name}.ts`)

const CONNECTION = ['lib/socket/connection.ts', 'lib/socket/closing.ts', 'lib/socket/notifier.ts']

const CONVERSATION = [
  'lib/plugin.ts', 'lib/routes/ws-route.ts', 'lib/routes/drop-in.ts', 'lib/routes/accept.ts', 'lib/options/resolve.ts',
  'lib/routes/upgrade-constraint.ts', 'lib/routes/unrouted.ts', ...SOCKET, 'lib/upgrade/http1.ts',
  'lib/upgrade/http1-listener.ts', 'lib/upgrade/switching-head.ts'
]

const ENGINE = {
  memory: ['memory', 'memory-presence', 'topic-log'],
  redis: [
    'redis', 'redis-clients', 'redis-keys', 'redis-link', 'redis-cluster-link', 'redis-messages', 'redis-presence',
    'redis-scripts', 'redis-subscription', 'cursor', 'envelope', 'outgoing'
  ],
  nats: [
    'nats', 'nats-acknowledgements', 'nats-history', 'nats-options', 'nats-presence', 'nats-subjects', 'nats-topic',
    'jetstream'
  ]
}

// Tests of several files that make up one part.
const PARTS = {
  'test/upgrade/http1.test.ts': [
    'lib/upgrade/http1.ts', 'lib/upgrade/http1-listener.ts', 'lib/upgrade/switching-head.ts'
  ],
  'test/upgrade/http2.test.ts': ['lib/upgrade/http2.ts', 'lib/upgrade/http2-listener.ts'],
  'test/socket/sender.test.ts': [
    'lib/socket/sender.ts', 'lib/socket/send-callbacks.ts', ...CONNECTION, ...SOCKET
  ],
  'test/transport/write-queue.test.ts': ['lib/transport/write-queue.ts', 'lib/transport/pending-bytes.ts'],
  'test/topics/hub.test.ts': [
    'lib/topics/hub.ts', 'lib/topics/engine-status.ts', 'lib/topics/live-session.ts', 'lib/topics/live-sessions.ts',
    'lib/topics/local-topic.ts', 'lib/topics/local-topics.ts', 'lib/topics/members.ts'
  ],
  'test/topics/topics.test.ts': ['lib/topics/topics.ts', 'lib/topics/arguments.ts'],
  'test/behaviour/topics.test.ts': [
    ...CONVERSATION, 'lib/routes/open-topics.ts', 'lib/routes/route-topics.ts', 'lib/topics/socket-topics.ts'
  ]
}

// A process covers what its test files cover.
function coveredBy (process) {
  const modules = new Set(filesOf(process).flatMap((name) => modulesOf(name) ?? []))
  // An empty list would mean all files.
  return modules.size > 0 ? [...modules] : null
}

export default (test) => modulesOf(test)

function modulesOf (test) {
  const path = test.replace(/\\/g, '/')
  const process = /^test\/processes\/(.+)\.test\.ts$/.exec(path)?.[1]
  if (process !== undefined) return coveredBy(process)
  if (path in PARTS) return PARTS[path]
  if (/^test\/(behaviour\/|hostile\/|plugin|routes\/(ws-route|drop-in|accept)\.)/.test(path)) return CONVERSATION
  const engine = /^test\/engine\/(memory|redis|nats)(-faults|-cluster)?\.test/.exec(path)
  if (engine !== null) return ENGINE[engine[1]].map((name) => `lib/engine/${name}.ts`)
  const module = path.replace(/^test\//, 'lib/').replace(/\.test\.ts$/, '.ts')
  if (path.startsWith('test/socket/')) return [module, ...CONNECTION, ...SOCKET]
  return existsSync(module) ? [module] : null
}
