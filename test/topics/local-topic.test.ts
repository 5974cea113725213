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

t.test('a socket that leaves while a message is delivered no longer gets it', async (t) => {
  const topic = new LocalTopic('/rooms/7', {} as ConstructorParameters<typeof LocalTopic>[1], Promise.resolve(''))
  const received: string[] = []
  const create = (name: string, onSend = (): void => {}): WireSocket => ({
    version: '13',
    send: () => {
      received.push(name)
      onSend()
      return 'sent'
    }
  }) as unknown as WireSocket
  const last = create('last')
  topic.sockets.add(create('first', () => { topic.delete(last) }))
  topic.sockets.add(create('second'))
  topic.sockets.add(last)
  const message = { cursor: '1', prev: '', id: 'a', data: Buffer.from('hello'), isBinary: false, kind: '' }
  t.equal(topic.deliver(message as TopicMessage, undefined), 2)
  t.same(received, ['first', 'second'])
})
