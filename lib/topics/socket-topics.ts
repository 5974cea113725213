import type { SocketTopics } from '../socket/topics.js'
import { encodeFrame } from './frames.js'
import type { TopicHub } from './hub.js'
import type { Topics } from './topics.js'

/** What the sockets of a registration can do with its topics. */
export function createSocketTopics (hub: TopicHub, topics: Topics): SocketTopics {
  return {
    subscribe: async (socket, topic) => { await hub.subscribe(socket, hub.readName(topic)) },
    unsubscribe: (socket, topic) => { hub.unsubscribe(socket, hub.readName(topic)) },
    isSubscribed: (socket, topic) => hub.isSubscribed(socket, hub.readName(topic)),
    topicsOf: (socket) => hub.topicsOf(socket),
    publish: (socket, topic, data, options) => topics.publishFrom(socket, topic, data, options),
    detach: (socket) => { hub.detach(socket) },
    isLive: (socket) => hub.isLive(socket),
    receiveFrame: (socket, bytes) => hub.receiveFrame(socket, bytes),
    wrap: (payload) => {
      const frame = encodeFrame({ type: 'send' }, payload)
      return typeof frame === 'string' ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    }
  }
}
