import fp from 'fastify-plugin'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { WireOptions } from './lib/options/options.js'
import { plugin } from './lib/plugin.js'
import type { RouteOptions, WebSocket, WebsocketHandler, WebsocketPluginOptions } from './types/drop-in.js'

/** The plugin, with its named exports for `require()`. */
export interface FastifyWire extends FastifyPluginAsync<WireOptions> {
  readonly default: FastifyWire
  readonly fastifyWire: FastifyWire
  readonly fastifyWebsocket: FastifyWire
}

/** WebSocket routes for Fastify: `await app.register(fastifyWire)`, then `app.ws('/demo', (socket, request) => {})`. */
export async function fastifyWire (instance: FastifyInstance, options: WireOptions): Promise<void> {
  await plugin(instance, options)
}

// Only a function declaration merges with a namespace that has an export list. The namespace provides types such as
// `fastifyWebsocket.WebSocket`, as in @fastify/websocket.

export declare namespace fastifyWire {
  const plugin: FastifyWire
  export {
    plugin as default, plugin as fastifyWire, plugin as fastifyWebsocket,
    RouteOptions, WebSocket, WebsocketHandler, WebsocketPluginOptions
  }
}

// fp() changes the function in place, and adds the properties `default` and `fastifyWire`.
fp(fastifyWire, { fastify: '5.x', name: 'fastify-wire' })
// For `const { fastifyWebsocket } = require(…)`.
Object.assign(fastifyWire, { fastifyWebsocket: fastifyWire })
