import type { FastifyInstance } from 'fastify'
import { readSlot } from '../fastify-slots.js'

// What Fastify calls the slot, which is not public: it hands 'upgrade' events of these servers on, and no other ones.
const SLOT = 'fastify.serverBindings'

/** The servers that listen beside that of the application: on 'localhost' there is one for each address. Known once it listens. */
export function secondaryServers (instance: FastifyInstance): readonly object[] {
  return readSlot(instance, SLOT) as readonly object[] | undefined ?? []
}
