import t from 'tap'
import type { TopicMessage } from '../../lib/engine/engine.js'
import type { WireSocket } from '../../lib/socket/socket.js'
import { LocalTopic } from '../../lib/topics/local-topic.js'

t.test('a live socket that leaves after its own message is forgotten', async (t) => {
  const topic = new LocalTopic('/rooms/7', {} as ConstructorParameters<typeof LocalTopic>[1], Promise.resolve(''))
  const socket = {} as WireSocket
  topic.addLive(socket)
  const message = { cursor: '1', prev: '', id: 'a', data: Buffer.from('hello'), isBinary: false, kind: '' }
  topic.deliver(message as TopicMessage, socket)
  t.equal(topic.skipped?.size, 1, 'its chain of cursors is its own now')
  topic.delete(socket)
  t.equal(topic.followers, 0)
  t.equal(topic.skipped?.size, 0)
})
