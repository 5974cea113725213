import { EventEmitter } from 'node:events'
import t from 'tap'
import { SocketEmitterBase } from '../../lib/socket/emitter.js'

t.test('what a socket extends is the EventEmitter of Node, by another type', async (t) => {
  t.equal(SocketEmitterBase, EventEmitter)
})
