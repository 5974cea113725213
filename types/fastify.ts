import type { SocketHandler, SocketRouteOptions } from '../lib/routes.js'

declare module 'fastify' {
  // The parameters repeat those of Fastify: a declaration that is merged must have them.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider> {
    /**
     * Declares a WebSocket at a URL; a resource may stand at the same one.
     * @throws BadOption, HandlerMissing, and what `app.route()` throws
     */
    ws (url: string, handler: SocketHandler): this
    ws (url: string, options: SocketRouteOptions, handler: SocketHandler): this
  }
}
