import type { FastifyInstance } from 'fastify'
import { AlreadyRegistered, BesideAnother, DecoratorTaken } from '../errors.js'
import { WireServer } from '../server/server.js'
import { contextsOf } from './fastify-servers.js'

/** The names that @fastify/websocket has as well. */
const SHARED = ['ws', 'websocketServer', 'injectWS']

/**
 * Checks the names that a registration takes.
 * @param name of the method that declares sockets, `app.ws()` by default
 * @returns whether `request.ws` is free
 * @throws AlreadyRegistered, BesideAnother, DecoratorTaken
 */
export function checkDecorators (instance: FastifyInstance, name: string): boolean {
  if (instance.hasDecorator('websocketServer')) {
    throw instance.websocketServer instanceof WireServer ? new AlreadyRegistered() : new BesideAnother()
  }
  if (instance.hasDecorator(name)) throw new DecoratorTaken(`app.${name}`)
  const isFree = !instance.hasRequestDecorator('ws')
  if (!isFree && name === 'ws') throw new DecoratorTaken('request.ws')
  return isFree
}

type Decorate = (this: FastifyInstance, ...args: unknown[]) => unknown

/**
 * Says so where @fastify/websocket is registered after this plugin: in the same context by a better sentence than that of
 * Fastify, which names the decorator only; in another context, where nothing would be said, when the application is ready.
 */
export function refuseAnother (instance: FastifyInstance): void {
  for (const method of ['decorate', 'decorateRequest'] as const) {
    const decorate = instance[method] as Decorate
    const explained: Decorate = function (...args) {
      try {
        return decorate.apply(this, args)
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'FST_ERR_DEC_ALREADY_PRESENT' || !SHARED.includes(args[0] as string)) throw error
        throw Object.assign(args[0] === 'ws' && method === 'decorate' ? new DecoratorTaken('app.ws') : new BesideAnother(), { cause: error })
      }
    }
    Object.assign(instance, { [method]: explained })
  }
  instance.addHook('onReady', async () => {
    const isBeside = contextsOf(instance).some((context) => {
      return Object.hasOwn(context, 'websocketServer') && !(context.websocketServer instanceof WireServer)
    })
    if (isBeside) throw new BesideAnother()
  })
}
