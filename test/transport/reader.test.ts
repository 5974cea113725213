import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex, type DuplexOptions } from 'node:stream'
import t from 'tap'
import * as page from '../../lib/codec/page.js'
import { prepareDirectIO } from '../../lib/transport/direct.js'
import { receiveBytes, startReading } from '../../lib/transport/reader.js'

const silent: DuplexOptions = { read () {} }

/** Collects what lands in the page. */
const collector = (onBytes: (text: string) => void = () => {}) => {
  const seen: string[] = []
  return {
    seen,
    receive (length: number) {
      const text = page.bytes.toString('latin1', 0, length)
      seen.push(text)
      onBytes(text)
    }
  }
}

t.test('the data of a stream lands in the page, what came earlier first', async (t) => {
  const stream = new Duplex(silent)
  const target = collector()
  stream.push('early')
  startReading(stream, target, true)
  stream.push('late')
  stream.push(null)
  await once(stream.resume(), 'end')
  t.same(target.seen, ['early', 'late'])
})

t.test('more than a page lands in turns', async (t) => {
  const target = collector()
  receiveBytes(target, Buffer.alloc(page.PAGE_SIZE + 5, 'x'))
  t.same(target.seen.map(({ length }) => length), [page.PAGE_SIZE, 5])
})

t.test('what is read within another chunk waits until that is done', async (t) => {
  const inner = collector()
  const outer = collector((text) => {
    receiveBytes(inner, Buffer.from('inner'))
    t.same(inner.seen, [])
    t.equal(page.bytes.toString('latin1', 0, text.length), text, 'the page is as it was')
  })
  receiveBytes(outer, Buffer.from('outer'))
  t.same(inner.seen, ['inner'])
})

t.test('a connection reads into the page itself, and nested data waits there too', async (t) => {
  await prepareDirectIO()
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => { client.destroy() })
  const [accepted] = await once(server, 'connection') as [Socket]
  const inner = collector()
  let wake = (): void => {}
  const target = collector(() => {
    receiveBytes(inner, Buffer.from('inner'))
    t.same(inner.seen, [])
    wake()
  })
  accepted.on('data', () => { t.fail('no data event') })
  accepted.pause()
  startReading(accepted, target, true)
  accepted.resume()
  client.write('outer')
  while (target.seen.length === 0) await new Promise<void>((resolve) => { wake = resolve })
  t.same(target.seen, ['outer'])
  t.same(inner.seen, ['inner'])
})
