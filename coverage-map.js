// Each test file answers for the module it mirrors. Whole conversations, which are held through routes, answer for all that
// stands between a route and a stream, those of a part of the socket for the socket as well; other people's clients answer for nothing.
import { existsSync, readdirSync } from 'node:fs'

const CONVERSATION = [
  'lib/plugin.ts', 'lib/routes/ws-route.ts', 'lib/routes/drop-in.ts', 'lib/routes/accept.ts', 'lib/options/resolve.ts', 'lib/socket/socket.ts', 'lib/upgrade/http1.ts', 'lib/routes/upgrade-constraint.ts'
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

// A folder whose tests run in one process answers for its files, and for what its tests answer for by themselves.
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
  if (path in TOPICS) return TOPICS[path]
  if (/^test\/(behaviour\/|hostile\/|plugin|routes\/(ws-route|drop-in|accept)\.)/.test(path)) return CONVERSATION
  const engine = /^test\/engine\/(memory|redis|nats)(-faults|-cluster)?\.test/.exec(path)
  if (engine !== null) return ENGINE[engine[1]].map((name) => `lib/engine/${name}.ts`)
  const module = path.replace(/^test\//, 'lib/').replace(/\.test\.ts$/, '.ts')
  if (path.startsWith('test/socket/')) return [module, 'lib/socket/connection.ts', 'lib/socket/socket.ts']
  return existsSync(module) ? [module] : null
}
