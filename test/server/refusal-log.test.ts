import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { RefusalLog, withoutRequestLines } from '../../lib/server/refusal-log.js'
import { FakeClock } from '../fixtures/clock.js'

/** A log that keeps its lines. */
function createLog (): { log: FastifyBaseLogger, lines: unknown[][] } {
  const lines: unknown[][] = []
  const write = (level: string) => (...args: unknown[]): void => { lines.push([level, ...args]) }
  return {
    log: {
      level: 'info', info: write('info'), warn: write('warn'), error: write('error')
    } as unknown as FastifyBaseLogger,
    lines
  }
}

const refusal = (code: string) => ({ code, statusCode: 503 })

t.test('the first refusal for a reason is logged, later ones in its window are counted', async (t) => {
  const { log, lines } = createLog()
  const refusals = new RefusalLog(log)
  for (let i = 0; i < 100; i++) refusals.add(refusal('FST_WIRE_CONNECTIONS'))
  refusals.add({ code: 'FST_WIRE_KEY', statusCode: 400 })
  t.same(lines, [
    [
      'warn', { refused: { code: 'FST_WIRE_CONNECTIONS', statusCode: 503 } },
      'upgrade refused: maxConnections is reached'
    ],
    ['info', { refused: { code: 'FST_WIRE_KEY', statusCode: 400 } }, 'upgrade refused']
  ])
  refusals.end()
  t.same(lines.slice(2), [
    ['warn', { refused: { code: 'FST_WIRE_CONNECTIONS', count: 99 } }, '99 more upgrades refused']
  ])
  refusals.end()
  t.equal(lines.length, 3)
})

t.test('each window logs one line for its counted refusals, a window without refusals ends the count', async (t) => {
  const clock = new FakeClock(t)
  const { log, lines } = createLog()
  const refusals = new RefusalLog(log)
  refusals.add(refusal('FST_WIRE_CLOSING'))
  t.notOk([...clock.timers.values()].some(({ isRef }) => isRef), 'its timers keep no process alive')
  for (const count of [1, 2]) {
    for (let i = 0; i < count; i++) refusals.add(refusal('FST_WIRE_CLOSING'))
    clock.advance(1_000)
  }
  t.same(lines.map((line) => line.at(-1)), ['upgrade refused', '1 more upgrade refused', '2 more upgrades refused'])
  clock.advance(1_000)
  t.equal(clock.timers.size, 0)
  refusals.add(refusal('FST_WIRE_CLOSING'))
  t.equal(lines.at(-1)?.at(-1), 'upgrade refused')
  refusals.end()
})

t.test('a refusal is logged with the request and its details', async (t) => {
  const { log, lines } = createLog()
  const own = createLog()
  const refusals = new RefusalLog(log)
  const request = { log: own.log } as FastifyRequest
  refusals.add({ ...refusal('FST_WIRE_ORIGIN'), details: { origin: 'https://a.example' }, advice: 'add it' }, request)
  refusals.add(refusal('FST_WIRE_ORIGIN'), request)
  refusals.end()
  t.same(own.lines, [
    [
      'warn', { refused: { code: 'FST_WIRE_ORIGIN', statusCode: 503, origin: 'https://a.example' } },
      'upgrade refused: add it'
    ]
  ])
  t.match(lines, [['warn', { refused: { count: 1 } }]])
})

t.test('details are logged shortened and without characters that JSON escapes, numbers unchanged', async (t) => {
  const { log, lines } = createLog()
  const refusals = new RefusalLog(log)
  refusals.add({ ...refusal('FST_WIRE_HANDSHAKE_UNANSWERED'), details: { url: `/"${'x'.repeat(100)}`, timeout: 30 } })
  refusals.end()
  t.match(lines, [['warn', { refused: { url: `/?${'x'.repeat(58)}`, timeout: 30 } }]])
})

t.test('with request logging off, only refusals that an operator can fix are logged', async (t) => {
  const { log, lines } = createLog()
  const refusals = new RefusalLog(log, () => false)
  const request = { log } as FastifyRequest
  refusals.add({ code: 'FST_WIRE_KEY', statusCode: 400 }, request)
  refusals.add(refusal('FST_WIRE_CONNECTIONS'), request)
  refusals.end()
  t.match(lines, [['warn', { refused: { code: 'FST_WIRE_CONNECTIONS' } }]])
  t.equal(lines.length, 1)
})

t.test('a log that throws, or a missing log, does no harm', async (t) => {
  const refusals = new RefusalLog({ info () { throw new Error('disk full') } } as unknown as FastifyBaseLogger)
  t.doesNotThrow(() => { refusals.add({ code: '404', statusCode: 404 }) })
  refusals.end()
  const silent = new RefusalLog()
  t.doesNotThrow(() => { silent.add({ code: '404', statusCode: 404 }) })
  silent.end()
})

t.test('lines of Fastify about a request are suppressed, lines of the application are kept', async (t) => {
  const { log, lines } = createLog()
  const reply = { statusCode: 503 } as FastifyReply
  const quiet = withoutRequestLines(log, reply)
  const error = new Error('refused')
  quiet.error({ req: {}, res: reply, err: error }, 'refused')
  quiet.info({ res: reply, responseTime: 5 }, 'request completed')
  quiet.info('Route GET:/demo not found')
  t.same(lines, [])
  quiet.error(error)
  quiet.error({ err: error }, 'mine')
  quiet.info({ res: reply }, 'mine')
  quiet.info(null, 'mine')
  quiet.info('mine')
  quiet.warn({ res: {}, err: error }, 'mine')
  t.equal(lines.length, 6)
  t.equal(quiet.level, 'info')
})

t.test('a refusal with a request is logged in the log of the request', async (t) => {
  const [own, other] = [createLog(), createLog()]
  const refusals = new RefusalLog(own.log)
  refusals.add(refusal('FST_WIRE_KEY'), { log: other.log } as FastifyRequest)
  refusals.end()
  t.same(own.lines, [])
  t.match(other.lines, [['info', { refused: { code: 'FST_WIRE_KEY' } }, 'upgrade refused']])
})
