import { EventEmitter } from 'node:events'
import t from 'tap'
import { SocketEmitterBase } from '../../lib/socket/emitter.js'

t.test('a socket extends EventEmitter of Node, with another type', async (t) => {
  t.equal(SocketEmitterBase, EventEmitter)
})
