import t from 'tap'
import { normalizeTopic, readTopic } from '../../lib/topics/topic-names.js'

t.test('the topic of a URL is its path, with each character in its normal form', async (t) => {
  for (const [url, topic] of [
    ['/rooms/7', '/rooms/7'],
    ['/rooms/7?token=x', '/rooms/7'],
    ['/rooms/7#top', '/rooms/7'],
    ['/rooms/%37', '/rooms/7'],
    ['/rooms/a%2fb', '/rooms/a%2Fb'],
    ['/rooms/%7e%41', '/rooms/~A'],
    ['/rooms/ü', '/rooms/%C3%BC'],
    ['/rooms/%c3%bc', '/rooms/%C3%BC'],
    ['/a b', '/a%20b'],
    ['/100%', '/100%'],
    ['/', '/']
  ] as const) t.equal(normalizeTopic(url), topic, url)
})

t.test('a topic that is not a path is an exact name', async (t) => {
  for (const name of ['news', 'a*b', 'news?x', '%41', 'rooms/7', 'ü']) t.equal(normalizeTopic(name), name)
})

t.test('an invalid name is refused with the reason', async (t) => {
  t.equal(readTopic('/rooms/7', 100), '/rooms/7')
  t.throws(() => readTopic('', 100), { code: 'FST_WIRE_TOPIC', message: /not empty/ })
  t.throws(() => readTopic(7, 100), { code: 'FST_WIRE_TOPIC' })
  t.throws(() => readTopic('\ud800', 100), { code: 'FST_WIRE_TOPIC', message: /Unicode/ })
  t.throws(() => readTopic('ü'.repeat(51), 100), { code: 'FST_WIRE_TOPIC', message: /at most 100 bytes/ })
})
