import t from 'tap'

// One of its own: the sockets of other tests in this process are counted elsewhere.
const OWN: string = '../../lib/transport/schedule.js?own'
const {
  flushLater, setReading, transportClosed, transportOpened
} = await import(OWN) as typeof import('../../lib/transport/schedule.js')

const setUp = () => {
  const flushed: string[] = []
  const transport = (name: string, act: () => void = () => {}) => ({
    flush: () => {
      flushed.push(name)
      act()
    }
  })
  return { flushed, transport }
}

t.test('all transports with pending bytes are flushed at the end of the tick', async (t) => {
  const { flushed, transport } = setUp()
  flushLater(transport('a', () => { flushLater(transport('again')) }))
  flushLater(transport('b'))
  t.same(flushed, [])
  await new Promise(process.nextTick)
  t.same(flushed, ['a', 'b', 'again'])
})

t.test('pending bytes are flushed when the process exits, whatever they wait for', async (t) => {
  const before = process.listenerCount('exit')
  transportOpened()
  transportOpened()
  t.equal(process.listenerCount('exit'), before + 1)
  const exit = process.listeners('exit').at(-1) as () => void
  const { flushed, transport } = setUp()
  setReading(transport('reading'))
  flushLater(transport('waiting'))
  exit()
  t.same(flushed, ['reading', 'waiting'])
  setReading(undefined)
  await new Promise(process.nextTick)
  flushed.length = 0
  let isFirst = true
  flushLater(transport('first', () => {
    if (isFirst) {
      isFirst = false
      exit()
    }
  }))
  flushLater(transport('second'))
  await new Promise(process.nextTick)
  t.same(flushed, ['first', 'first', 'second', 'second'])
  transportClosed()
  transportClosed()
  t.equal(process.listenerCount('exit'), before, 'and no listener is left without a socket')
})
