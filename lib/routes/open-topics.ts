import cluster from 'node:cluster'
import type { FastifyInstance } from 'fastify'
import { gapChannel } from '../diagnostics.js'
import type { Engine } from '../engine/engine.js'
import { memoryEngine } from '../engine/memory.js'
import { EngineUsed } from '../errors.js'
import type { WireOptions } from '../options/options.js'
import { checkEngine, resolveHistory, resolveTopics } from '../options/topics.js'
import type { WireServer } from '../server/server.js'
import { TopicHub } from '../topics/hub.js'
import { TopicRuleBook } from '../topics/topic-rules.js'
import { Topics, type TopicEvents } from '../topics/topics.js'
import { tryLog } from '../try-log.js'
import { routerOptionsOf } from './router-options.js'

export interface OpenTopics {
  readonly hub: TopicHub
  readonly topics: Topics
}

// An engine has the listeners of one hub.
const used = new WeakSet<Engine>()

/** Opens the topics of a registration. They close with the application. */
export async function openTopics (
  instance: FastifyInstance, server: WireServer, options: WireOptions
): Promise<OpenTopics> {
  const engine = checkEngine(options.engine)
  if (engine !== undefined) {
    if (used.has(engine)) throw new EngineUsed(engine.name)
    used.add(engine)
  }
  const defaults = { retention: resolveHistory(options.history), hasPresence: false }
  const rules = new TopicRuleBook(defaults, routerOptionsOf(instance))
  const { log } = instance
  const hub: TopicHub = new TopicHub(engine ?? memoryEngine(), rules, resolveTopics(options.topics), {
    state: (state, error) => {
      // The default engine, in memory, is always ready.
      if (engine !== undefined) {
        const fields = { engine: engine.name, ...error && { err: error } }
        tryLog(log, state === 'down' ? 'warn' : 'info', fields, `the topic engine is ${state}`)
      }
      emit('state', state, error)
    },
    gap: (topic, cursor) => {
      tryLog(log, 'warn', { topic, cursor }, 'messages of a topic were lost')
      if (gapChannel.hasSubscribers) gapChannel.publish({ topic, cursor })
      emit('gap', topic, cursor)
    },
    joined: (topic, member) => { emit('join', topic, member) },
    left: (topic, member) => { emit('leave', topic, member) },
    failed: (error) => { tryLog(log, 'error', { err: error }, 'an operation on topics failed') }
  })
  const onListenerError = (error: unknown): void => {
    tryLog(log, 'error', { err: error }, 'a listener of app.topics failed')
  }
  // An error of a listener must not reach the engine, which emits these events.
  const emit = <Event extends keyof TopicEvents>(event: Event, ...args: TopicEvents[Event]): void => {
    try {
      topics.emit<keyof TopicEvents>(event, ...args)
    } catch (error) {
      onListenerError(error)
    }
  }
  const needsEngine = engine === undefined && isOneOfMany()
  const topics = new Topics(hub, onListenerError, needsEngine ? () => { warnOfLocalTopics(instance) } : undefined)
  server.measurements.topics = () => hub.counts
  await hub.open()
  // onClose hooks run in reverse order, so this one runs after the sockets have closed.
  instance.addHook('onClose', async () => {
    await hub.close()
    // An engine that cannot be opened again refuses that by itself.
    if (engine !== undefined) used.delete(engine)
  })
  return { hub, topics }
}

/** Whether other processes probably serve the same application: under node:cluster or pm2. */
function isOneOfMany (): boolean {
  // pm2 sets these variables, in fork mode too.
  return cluster.isWorker || Number(process.env['instances']) > 1 || Number(process.env['NODE_APP_INSTANCE']) > 0
}

function warnOfLocalTopics (instance: FastifyInstance): void {
  const message = 'topics reach only the sockets of this process, but there are several processes: ' +
    'set the option engine of fastify-wire'
  tryLog(instance.log, 'warn', {}, message)
}
