import type { WireSocket } from '../socket/socket.js'
import type { SocketTopics } from '../socket/topics.js'
import { encodeFrame } from './frames.js'
import type { TopicHub } from './hub.js'
import type { Topics } from './topics.js'

/** Implements the topic methods of the sockets of a registration. */
export function createSocketTopics (hub: TopicHub, topics: Topics): SocketTopics {
  return {
    subscribe: async (socket: WireSocket, topic) => { await hub.subscribe(socket, hub.readName(topic)) },
    unsubscribe: (socket: WireSocket, topic) => { hub.unsubscribe(socket, hub.readName(topic)) },
    isSubscribed: (socket: WireSocket, topic) => hub.isSubscribed(socket, hub.readName(topic)),
    topicsOf: (socket: WireSocket) => hub.topicsOf(socket),
    publish: (socket: WireSocket, topic, data, options) => topics.publishFrom(socket, topic, data, options),
    detach: (socket: WireSocket) => { hub.detach(socket) },
    isLive: (socket: WireSocket) => hub.isLive(socket),
    receiveFrame: (socket: WireSocket, bytes) => hub.receiveFrame(socket, bytes),
    wrap: (payload) => {
      const frame = encodeFrame({ type: 'send' }, payload)
      return typeof frame === 'string' ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    }
  }
}
