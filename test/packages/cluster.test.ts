// Workers of node:cluster share their ports, as those of pm2 do: each has to start by itself.
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { writeBundle } from '../fixtures/processes.js'

t.test('four workers of node:cluster start on one port, and serve sockets', async (t) => {
  cluster.setupPrimary({
    execArgv: [], exec: await writeBundle(t.testdir(), 'test/fixtures/cluster-worker.ts')
  })
  const workers: Worker[] = []
  t.teardown(() => { for (const worker of workers) worker.kill() })
  for (let i = 0; i < 4; i++) workers.push(cluster.fork())
  const addresses = await Promise.all(workers.map(async (worker) => {
    const [address] = await Promise.race([
      once(worker, 'listening') as Promise<[AddressInfo]>,
      once(worker, 'exit').then(([code]) => { throw new Error(`a worker ended with ${String(code)}`) })
    ])
    return address
  }))
  t.equal(new Set(addresses.map(({ port }) => port)).size, 1)
  for (let i = 0; i < 4; i++) {
    const client = new WebSocket(`ws://127.0.0.1:${addresses[0]!.port}/`)
    await once(client, 'open')
    client.send('hello')
    t.equal(String((await once(client, 'message'))[0]), `hello ${String(process.platform !== 'darwin')}`)
    client.close()
    await once(client, 'close')
  }
  const ends = workers.map((worker) => once(worker, 'exit'))
  for (const worker of workers) worker.process.kill('SIGTERM')
  await Promise.all(ends)
})
