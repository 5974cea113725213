import cluster from 'node:cluster'
import type { FastifyInstance } from 'fastify'
import { gapChannel } from '../diagnostics.js'
import { memoryEngine } from '../engine/memory.js'
import { checkEngine, resolveTopics, type TopicPluginOptions } from '../options/topics.js'
import type { WireServer } from '../server/server.js'
import { TopicHub } from '../topics/hub.js'
import { TopicRuleBook } from '../topics/topic-rules.js'
import { DEFAULT_RETENTION, Topics, type TopicEvents } from '../topics/topics.js'
import { tryLog } from '../try-log.js'
import { matchingOptions } from './socket-urls.js'

export interface OpenTopics {
  readonly hub: TopicHub
  readonly topics: Topics
}

/** Opens the topics of a registration, which close with the application. */
export async function openTopics (instance: FastifyInstance, server: WireServer, options: TopicPluginOptions): Promise<OpenTopics> {
  const engine = checkEngine(options.engine)
  const { routerOptions } = instance.initialConfig as { routerOptions?: Record<string, unknown> }
  const rules = new TopicRuleBook({ retention: DEFAULT_RETENTION, hasPresence: false }, matchingOptions(routerOptions))
  const { log } = instance
  const hub: TopicHub = new TopicHub(engine ?? memoryEngine(), rules, resolveTopics(options.topics), {
    state: (state, error) => {
      // The first 'ready' of the engine of this process is no news.
      if (engine !== undefined) tryLog(log, state === 'down' ? 'warn' : 'info', { engine: engine.name, ...error && { err: error } }, `the engine of the topics is ${state}`)
      emit('state', state, error)
    },
    gap: (topic, cursor) => {
      tryLog(log, 'warn', { topic, cursor }, 'messages of a topic are gone')
      if (gapChannel.hasSubscribers) gapChannel.publish({ topic, cursor })
      emit('gap', topic, cursor)
    },
    joined: (topic, member) => { emit('join', topic, member) },
    left: (topic, member) => { emit('leave', topic, member) },
    failed: (error) => { tryLog(log, 'error', { err: error }, 'topics failed') }
  })
  // The engine stands behind these events, and knows nothing to do with what a listener throws.
  const emit = <Event extends keyof TopicEvents>(event: Event, ...args: TopicEvents[Event]): void => {
    try {
      topics.emit<keyof TopicEvents>(event, ...args)
    } catch (error) {
      listenerFailed(error)
    }
  }
  const listenerFailed = (error: unknown): void => { tryLog(log, 'error', { err: error }, 'a listener of app.topics failed') }
  const topics = new Topics(hub, listenerFailed, engine === undefined && isOneOfMany() ? () => { warnOfOneProcess(instance) } : undefined)
  server.measurements.topics = () => hub.counts
  await hub.open()
  // After the sockets have closed: this hook stands before those of the application, which run in the opposite order.
  instance.addHook('onClose', () => hub.close())
  return { hub, topics }
}

/** Whether other processes serve the same application, as far as this one can tell. */
function isOneOfMany (): boolean {
  // pm2 gives its processes these, in fork mode too.
  return cluster.isWorker || Number(process.env['instances']) > 1 || Number(process.env['NODE_APP_INSTANCE']) > 0
}

function warnOfOneProcess (instance: FastifyInstance): void {
  tryLog(instance.log, 'warn', {}, 'topics reach the sockets of this process only, and it is one of several: give fastify-wire the option engine')
}
