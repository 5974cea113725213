import fp from 'fastify-plugin'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { WireOptions } from './lib/options/options.js'
import { plugin } from './lib/plugin.js'
import type { RouteOptions, WebSocket, WebsocketHandler, WebsocketPluginOptions } from './types/drop-in.js'

/** The plugin, with the names under which `require()` finds it. */
export interface FastifyWire extends FastifyPluginAsync<WireOptions> {
  readonly default: FastifyWire
  readonly fastifyWire: FastifyWire
  readonly fastifyWebsocket: FastifyWire
}

/** WebSocket routes for Fastify: `await app.register(fastifyWire)`, then `app.ws('/demo', (socket, request) => {})`. */
export async function fastifyWire (instance: FastifyInstance, options: WireOptions): Promise<void> {
  await plugin(instance, options)
}

// A function, because only that merges with a namespace which exports by a list. The namespace is for
// `fastifyWebsocket.WebSocket`, as @fastify/websocket has it on its default import.

export declare namespace fastifyWire {
  const plugin: FastifyWire
  export {
    plugin as default, plugin as fastifyWire, plugin as fastifyWebsocket,
    RouteOptions, WebSocket, WebsocketHandler, WebsocketPluginOptions
  }
}

// It marks the function itself, and gives it the names `default` and `fastifyWire`.
fp(fastifyWire, { fastify: '5.x', name: 'fastify-wire' })
// For `const { fastifyWebsocket } = require(…)`.
Object.assign(fastifyWire, { fastifyWebsocket: fastifyWire })
