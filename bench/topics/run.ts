import { createClient } from '@redis/client'
import { redisProgram, startRedis } from '../../test/fixtures/redis-server.js'
import { measureFanOut, measureSubscriptions } from './local.js'
import { measureProcesses, WARM_UP, type Kind, type Measured } from './processes.js'

/**
 * Measures topics: npm run bench:topics [-- --short]
 *
 * Ratios compare measurements of the same run on the same machine.
 */

/** The CPU time of the Redis server so far, in microseconds. */
async function cpuOfRedis (url: string): Promise<number> {
  const client = createClient({ url })
  await client.connect()
  const info = String(await client.sendCommand(['INFO', 'CPU']))
  client.destroy()
  const seconds = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1])
  return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1e6
}

const isShort = process.argv.includes('--short')
const row = (name: string, value: string, limit: string): void => {
  console.log(`${name.padEnd(62)} ${value.padEnd(22)} ${limit}`)
}
const ratio = (part: number, whole: number): string => `${(part / whole).toFixed(2)} ×`

row('', 'measured', 'limit')
const fanOut = await measureFanOut(10_000, isShort ? 5 : 20)
row('publish() to 10,000 sockets against broadcast(), CPU per delivery', `${fanOut.ratio.toFixed(2)} ×`, '≤ 1.1 ×')
row('', `${fanOut.publish.toFixed(0)} ns, ${fanOut.broadcast.toFixed(0)} ns`, '')
const { bytes, time } = await measureSubscriptions()
row('a subscription, of 100,000 topics × 10 sockets', `${bytes.toFixed(0)} B`, '≤ 120 B')
row('subscribe + unsubscribe', `${time.toFixed(2)} µs`, '≤ 1 µs')

if (redisProgram === null) {
  console.log('redis-server is not installed, so three processes are not measured: apt-get install redis-server')
} else {
  const redis = await startRedis()
  try {
    const load = { count: isShort ? 6_000 : 20_000, rate: 2_000, subscribers: 30 }
    const results = {} as Record<Kind, Measured>
    const ofRedis = {} as Record<Kind, number>
    for (const kind of ['wire', 'streams', 'plain'] as const) {
      const before = await cpuOfRedis(redis.url)
      results[kind] = await measureProcesses(kind, redis.url, load)
      // The messages of the warm-up cost the server as much.
      ofRedis[kind] = (await cpuOfRedis(redis.url) - before) / (load.count + WARM_UP)
    }
    const { wire, streams, plain } = results
    console.log('\nThree processes over Redis, 30 subscribers, 2,000 messages per second:')
    for (const [kind, { publishing, receiving, p50, p99, missing }] of Object.entries(results)) {
      row(`  ${kind}: CPU per message, publishing and receiving process`,
        `${publishing.toFixed(0)} µs, ${receiving.toFixed(0)} µs`,
        `latency p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, missing ${missing}`)
      row('  CPU per message, Redis', `${ofRedis[kind as Kind].toFixed(0)} µs`, '')
    }
    const cpu = ({ publishing, receiving }: Measured): number => publishing + receiving
    row('CPU against Socket.IO with Redis Streams and recovery', ratio(cpu(wire), cpu(streams)), '≤ 0.35 ×')
    row('CPU against Socket.IO with plain Redis', ratio(cpu(wire), cpu(plain)), '≤ 0.6 ×')
    row(
      'latency p50 against Socket.IO (streams, plain)',
      `${ratio(wire.p50, streams.p50)}, ${ratio(wire.p50, plain.p50)}`, '≤ 1 ×'
    )
    row(
      'latency p99 against Socket.IO (streams, plain)',
      `${ratio(wire.p99, streams.p99)}, ${ratio(wire.p99, plain.p99)}`, '≤ 1 ×'
    )
  } finally {
    await redis.stop()
  }
}
process.exit()
