// A test file covers the module that it mirrors. Tests in test/behaviour/ cover all between a route and a stream,
// and tests of a part of the socket cover the socket too. Tests with other people's clients cover nothing.
import { existsSync, readdirSync } from 'node:fs'

const SOCKET = ['lib/socket/socket.ts', 'lib/socket/event-target-face.ts', 'lib/socket/topics-face.ts']

const CONVERSATION = [
  'lib/plugin.ts', 'lib/routes/ws-route.ts', 'lib/routes/drop-in.ts', 'lib/routes/accept.ts', 'lib/options/resolve.ts',
  'lib/routes/upgrade-constraint.ts', 'lib/routes/unrouted.ts', ...SOCKET, 'lib/upgrade/http1.ts'
]

const ENGINE = {
  memory: ['memory', 'memory-presence', 'topic-log'],
  redis: [
    'redis', 'redis-clients', 'redis-keys', 'redis-link', 'redis-cluster-link', 'redis-messages', 'redis-presence',
    'redis-scripts', 'redis-subscription', 'cursor', 'envelope', 'outgoing'
  ],
  nats: ['nats', 'nats-history', 'nats-presence', 'nats-subjects', 'nats-topic', 'jetstream']
}

// Tests of several files that make up one part.
const PARTS = {
  'test/upgrade/http1.test.ts': [
    'lib/upgrade/http1.ts', 'lib/upgrade/http1-listener.ts', 'lib/upgrade/switching-head.ts'
  ],
  'test/upgrade/http2.test.ts': ['lib/upgrade/http2.ts', 'lib/upgrade/http2-listener.ts'],
  'test/topics/hub.test.ts': [
    'lib/topics/hub.ts', 'lib/topics/live-session.ts', 'lib/topics/live-sessions.ts', 'lib/topics/local-topic.ts',
    'lib/topics/members.ts'
  ],
  'test/behaviour/topics.test.ts': [
    ...CONVERSATION, 'lib/routes/open-topics.ts', 'lib/routes/route-topics.ts', 'lib/topics/socket-topics.ts'
  ]
}

// The modules of a folder whose tests run in one process.
function filesOf (folder) {
  const tests = readdirSync(`test/${folder}`).filter((name) => name.endsWith('.test.ts'))
  const files = new Set(tests.flatMap((name) => modulesOf(`test/${folder}/${name}`) ?? []))
  // An empty list would mean all files.
  return files.size > 0 ? [...files] : null
}

export default (test) => modulesOf(test)

function modulesOf (test) {
  const path = test.replace(/\\/g, '/')
  const folder = /^test\/folders\/(.+)\.test\.ts$/.exec(path)?.[1]
  if (folder !== undefined) return filesOf(folder)
  if (path in PARTS) return PARTS[path]
  if (/^test\/(behaviour\/|plugin|routes\/(ws-route|drop-in|accept)\.)/.test(path)) return CONVERSATION
  const engine = /^test\/engine\/(memory|redis|nats)(-faults|-cluster)?\.test/.exec(path)
  if (engine !== null) return ENGINE[engine[1]].map((name) => `lib/engine/${name}.ts`)
  const module = path.replace(/^test\//, 'lib/').replace(/\.test\.ts$/, '.ts')
  if (path.startsWith('test/socket/')) return [module, 'lib/socket/connection.ts', ...SOCKET]
  return existsSync(module) ? [module] : null
}
