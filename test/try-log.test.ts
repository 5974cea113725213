import Fastify, { type FastifyBaseLogger } from 'fastify'
import t from 'tap'
import { tryLog } from '../lib/try-log.js'

/** The log of an application, and its lines. */
const createLog = (): { log: FastifyBaseLogger, lines: Array<Record<string, unknown>> } => {
  const lines: Array<Record<string, unknown>> = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line) as Record<string, unknown>) } }
  return { log: Fastify({ logger: { stream } }).log, lines }
}

t.test('a line is logged as by the logger', async (t) => {
  const { log, lines } = createLog()
  tryLog(log, 'warn', { url: '/' }, 'a warning')
  tryLog(log, 'error', new TypeError('broken'))
  t.match(lines, [
    { level: 40, url: '/', msg: 'a warning' },
    { level: 50, msg: 'broken', err: { type: 'TypeError', message: 'broken', stack: /try-log/ } }
  ])
})

t.test('an error that is frozen, or contains a frozen one, is logged as a copy', async (t) => {
  const { log, lines } = createLog()
  const frozen = Object.freeze(Object.assign(new Error('frozen'), { code: 'ICE' }))
  tryLog(log, 'error', { err: frozen, url: '/' }, 'it failed')
  tryLog(log, 'error', frozen)
  tryLog(log, 'error', { err: new Error('outer', { cause: frozen }) }, 'it failed')
  t.match(lines, [
    { msg: 'it failed', url: '/', err: { message: 'frozen', code: 'ICE', stack: /try-log/ } },
    { err: { message: 'frozen', code: 'ICE' } },
    { msg: 'it failed', err: { message: 'outer' } }
  ])
})

t.test('errors thrown by a logger are ignored', async (t) => {
  let calls = 0
  const log = { info: () => { throw new Error(`broken ${++calls}`) } } as unknown as FastifyBaseLogger
  tryLog(log, 'info', { url: '/' }, 'a line')
  tryLog(log, 'info', { err: 'no object' }, 'a line')
  tryLog(log, 'info', { err: null }, 'a line')
  t.equal(calls, 6)
})
