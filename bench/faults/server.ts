import { redisEngine } from '../../lib/engine/redis.js'
import { natsEngine } from '../../lib/engine/nats.js'
import { TopicHub } from '../../lib/topics/hub.js'
import { TopicRuleBook } from '../../lib/topics/topic-rules.js'

/**
 * One of the processes of the fault harness. Arguments: redis or nats, the URL of its server, the number of listeners. It
 * follows one topic, publishes what its parent says, and reports what it was delivered.
 */
const TOPIC = '/faults'
const [kind, url, listeners] = process.argv.slice(2) as [string, string, string]
const engine = kind === 'redis'
  ? redisEngine({ url, publishTimeout: 30_000 })
  : natsEngine({ servers: url, maxPerTopic: 1_000_000, publishTimeout: 30_000 })
const rules = new TopicRuleBook({ retention: { size: 1_000_000, ttl: 600_000 }, hasPresence: false })
const settings = { maxTopics: 10, maxTopicLength: 100, liveInterval: 25_000, unusedTopicTimeout: 60_000, lease: 30_000, grace: 5_000 }
const hub = new TopicHub(engine, rules, settings, {
  state () {}, gap () { process.send?.({ gap: true }) }, joined () {}, left () {}, failed () {}
})

let batch: string[] = []
setInterval(() => {
  if (batch.length === 0) return
  process.send?.({ delivered: batch })
  batch = []
}, 20)

await hub.open()
for (let i = 0; i < Number(listeners); i++) {
  await hub.listen(TOPIC, (data) => { batch.push(`${i}:${data.toString()}`) })
}
process.on('message', ({ publish }: { publish: string }) => {
  hub.publish(TOPIC, Buffer.from(publish), false).then(
    () => process.send?.({ accepted: publish }), () => process.send?.({ rejected: publish }))
})
process.on('disconnect', () => { process.exit() })
process.send!({ isReady: true })
