import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import t from 'tap'
import { takePrecedence } from '../../lib/upgrade/precedence.js'

const setUp = () => {
  const server = new EventEmitter() as unknown as Server
  const heard: string[] = []
  const ours = { url: '/ours' } as IncomingMessage
  const theirs = { url: '/theirs' } as IncomingMessage
  server.on('upgrade', (request: IncomingMessage) => {
    heard.push(`first ${request.url}`)
    if (request === ours) precedence.take(request)
  })
  const precedence = takePrecedence(server)
  return { server, heard, ours, theirs, precedence }
}

t.test('later upgrade listeners receive only upgrades that were not handled', (t) => {
  const { server, heard, ours, theirs, precedence } = setUp()
  server.prependListener('request', () => { heard.push('request') })
  t.equal(Object.hasOwn(server, 'emit'), false, 'a server with one listener is left as it is')
  server.emit('upgrade', ours)
  server.on('upgrade', ({ url }: IncomingMessage) => { heard.push(`second ${url}`) })
  server.once('upgrade', ({ url }: IncomingMessage) => { heard.push(`once ${url}`) })
  t.equal(server.emit('upgrade', ours), true)
  server.emit('upgrade', theirs)
  server.emit('request')
  t.same(heard, ['first /ours', 'first /ours', 'first /theirs', 'second /theirs', 'once /theirs', 'request'])
  precedence.stop()
  t.equal(Object.hasOwn(server, 'emit'), false)
  t.end()
})

t.test('an emit() that another package has put on the server is kept', (t) => {
  const names: unknown[] = []
  const { server, precedence } = setUp()
  const emit = function (this: EventEmitter, name: string, ...args: unknown[]): boolean {
    names.push(name)
    return EventEmitter.prototype.emit.call(this, name, ...args)
  }
  server.emit = emit
  server.on('upgrade', () => {})
  server.emit('request')
  t.same(names, ['newListener', 'request'])
  precedence.stop()
  t.equal(server.emit, emit)
  const other = setUp()
  other.server.on('upgrade', () => {})
  other.server.emit = emit
  other.precedence.stop()
  t.equal(other.server.emit, emit, 'one that came later too')
  t.end()
})
