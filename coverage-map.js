// Each test file answers for the module it mirrors. Whole conversations, which are held through routes, answer for all that
// stands between a route and a stream, those of a part of the socket for the socket as well; other people's clients answer for nothing.
import { existsSync } from 'node:fs'
import { filesOf } from './test/processes.js'

const SOCKET = ['lib/socket/socket.ts', 'lib/socket/event-target-face.ts', 'lib/socket/topics-face.ts']

const CONVERSATION = [
  'lib/plugin.ts', 'lib/routes/ws-route.ts', 'lib/routes/drop-in.ts', 'lib/routes/accept.ts', 'lib/options/resolve.ts',
  ...SOCKET, 'lib/upgrade/http1.ts', 'lib/routes/upgrade-constraint.ts'
]

// An engine with its server answers for its parts.
const ENGINE = {
  memory: ['memory', 'memory-presence', 'topic-log'],
  redis: ['redis', 'redis-clients', 'redis-keys', 'redis-link', 'redis-cluster-link', 'redis-messages', 'redis-presence', 'redis-scripts', 'redis-subscription', 'cursor', 'envelope', 'outgoing'],
  nats: ['nats', 'nats-history', 'nats-presence', 'nats-subjects', 'nats-topic', 'jetstream']
}

// The hub with its sockets answers for what it is made of, conversations about topics for what leads to it.
const TOPICS = {
  'test/topics/hub.test.ts': ['lib/topics/hub.ts', 'lib/topics/live-session.ts', 'lib/topics/live-sessions.ts', 'lib/topics/local-topic.ts'],
  'test/behaviour/topics.test.ts': [...CONVERSATION, 'lib/routes/open-topics.ts', 'lib/routes/route-topics.ts', 'lib/topics/socket-topics.ts']
}

// A process answers for what the test files that run in it answer for by themselves.
function answersFor (process) {
  const modules = new Set(filesOf(process).flatMap((name) => modulesOf(name) ?? []))
  // An empty list would mean all files.
  return modules.size > 0 ? [...modules] : null
}

export default (test) => modulesOf(test)

function modulesOf (test) {
  const path = test.replace(/\\/g, '/')
  const process = /^test\/processes\/(.+)\.test\.ts$/.exec(path)?.[1]
  if (process !== undefined) return answersFor(process)
  if (path in TOPICS) return TOPICS[path]
  if (/^test\/(behaviour\/|plugin|routes\/(ws-route|drop-in|accept)\.)/.test(path)) return CONVERSATION
  const engine = /^test\/engine\/(memory|redis|nats)(-faults|-cluster)?\.test/.exec(path)
  if (engine !== null) return ENGINE[engine[1]].map((name) => `lib/engine/${name}.ts`)
  const module = path.replace(/^test\//, 'lib/').replace(/\.test\.ts$/, '.ts')
  if (path.startsWith('test/socket/')) return [module, 'lib/socket/connection.ts', ...SOCKET]
  return existsSync(module) ? [module] : null
}
