import t from 'tap'
import { natsEngine } from '../../lib/engine/nats.js'
import { natsProgram, startNats } from '../fixtures/nats-server.js'
import { engineContract } from './contract.js'
import { engineFaults } from './faults.js'

if (natsProgram === null && process.env.CI !== 'true') {
  t.plan(0, 'nats-server is not installed: apt-get install nats-server')
  process.exit()
}

const server = await startNats()
t.teardown(() => server.stop())

t.test('the NATS engine keeps the contract', async (t) => {
  engineContract((name, body) => t.test(name, body), {
    engine: () => natsEngine({ servers: server.url, maxPerTopic: 10_000 }),
    unreachable: () => natsEngine({ servers: 'nats://127.0.0.1:1', publishTimeout: 200 })
  })
})

t.test('NATS under faults', async (t) => {
  engineFaults((name, body) => t.test(name, body), {
    start: (persists) => startNats({ persists }), engine: (url) => natsEngine({ servers: url, maxPerTopic: 1_000_000 })
  })
})
