import type { FastifyInstance } from 'fastify'
import { AlreadyRegistered, BesideAnother, DecoratorTaken } from '../errors.js'
import { WireServer } from '../server/server.js'
import { contextsOf } from './fastify-servers.js'

/** The decorators that @fastify/websocket adds too. */
const SHARED = ['ws', 'websocketServer', 'injectWS']

/**
 * Checks that the decorators of a registration are free.
 * @param name the option `decorator`
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
 * Throws BesideAnother if @fastify/websocket is registered after this plugin. In the same context it replaces the error
 * of Fastify, which only names the decorator. In another context it throws when the application is ready.
 */
export function refuseAnother (instance: FastifyInstance): void {
  for (const method of ['decorate', 'decorateRequest'] as const) {
    const decorate = instance[method] as Decorate
    const explained: Decorate = function (...args) {
      try {
        return decorate.apply(this, args)
      } catch (error) {
        const [name] = args
        const isTaken = (error as { code?: unknown }).code === 'FST_ERR_DEC_ALREADY_PRESENT'
        if (!isTaken || !SHARED.includes(name as string)) throw error
        const better = name === 'ws' && method === 'decorate' ? new DecoratorTaken('app.ws') : new BesideAnother()
        throw Object.assign(better, { cause: error })
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
