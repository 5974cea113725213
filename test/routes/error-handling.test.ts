import type { FastifyBaseLogger } from 'fastify'
import t from 'tap'
import { InvalidUtf8, MessageInvalid, MessageTooBig, NotOpen, ReservedBits, UncleanClose } from '../../lib/errors.js'
import {
  closeRefused, closeWith1011, isFault, replyRefused, terminate, toWsError
} from '../../lib/routes/error-handling.js'
import type { WireSocket } from '../../lib/socket/socket.js'

const setUp = () => {
  const calls: unknown[] = []
  const call = (name: string) => (...args: unknown[]): void => { calls.push([name, ...args]) }
  const socket = { OPEN: 1, readyState: 1, close: call('close'), send: call('send'), terminate: call('terminate') }
  const log = { info: call('info'), error: call('error') }
  return { calls, open: socket, socket: socket as unknown as WireSocket, log: log as unknown as FastifyBaseLogger }
}

t.test('a protocol error gets the code of ws', async (t) => {
  const cases: Array<[Error, string]> = [
    [new ReservedBits(), 'WS_ERR_UNEXPECTED_RSV_2_3'], [new InvalidUtf8(), 'WS_ERR_INVALID_UTF8'],
    [new MessageTooBig(5), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']
  ]
  for (const [error, code] of cases) {
    toWsError(error)
    t.match(error, { code })
    t.ok(isFault(error))
  }
})

t.test('any other error stays unchanged', async (t) => {
  const misuse = new NotOpen(3)
  toWsError(misuse)
  t.equal(misuse.code, 'FST_WIRE_NOT_OPEN')
  t.notOk(isFault(misuse))
  const plain: Error & { code?: string } = new Error('plain')
  toWsError(plain)
  t.equal(plain.code, undefined)
})

t.test('an error of a handler is logged, and closes the socket with 1011', async (t) => {
  const { calls, socket, log } = setUp()
  const error = new Error('failed')
  closeWith1011(error, socket, log)
  t.same(calls, [['error', { err: error }, 'a WebSocket handler failed'], ['close', 1011]])
})

t.test('a for await loop that ends because the peer left is not an error', async (t) => {
  const { calls, socket, log } = setUp()
  closeWith1011(new UncleanClose(1006), socket, log)
  t.same(calls, [])
})

t.test('in drop-in routes an error terminates the socket, unless a protocol error has closed it', async (t) => {
  const { calls, socket, log } = setUp()
  const error = new Error('failed')
  terminate(error, socket, log)
  t.same(calls.splice(0), [['error', error], ['terminate']])
  const fault = new ReservedBits()
  terminate(fault, socket, log)
  t.same(calls.splice(0), [['error', fault]])
  terminate('no error', socket, log)
  t.same(calls, [['error', 'no error'], ['terminate']])
})

t.test('a refused message closes the socket or is answered, and is logged', async (t) => {
  const { calls, socket, log } = setUp()
  const error = new MessageInvalid('x is wrong')
  closeRefused(error, socket, log)
  replyRefused(error, socket, log)
  t.same(calls, [
    ['info', { err: error }, 'a message was refused'],
    ['close', 1008, 'x is wrong'],
    ['info', { err: error }, 'a message was refused'],
    [
      'send', '{"statusCode":400,"code":"FST_WIRE_MESSAGE_SCHEMA","error":"Bad Request","message":"x is wrong"}',
      { binary: false }
    ]
  ])
})

t.test('a message refused after the close is neither answered nor logged', async (t) => {
  const { calls, open, socket, log } = setUp()
  open.readyState = 2
  closeRefused(new MessageInvalid('x is wrong'), socket, log)
  t.same(calls, [])
})
