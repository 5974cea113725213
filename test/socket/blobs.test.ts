import t from 'tap'
import { Blobs } from '../../lib/socket/blobs.js'
import { turn } from '../fixtures/memory.js'

const setUp = () => {
  const seen: string[] = []
  const failures: unknown[] = []
  const blobs = new Blobs((error) => { failures.push(error) })
  const read = (text: string): void => { blobs.read(new Blob([text]), (bytes) => { seen.push(bytes.toString()) }) }
  const settled = async (): Promise<void> => { while (blobs.isReading) await turn() }
  return { blobs, seen, failures, read, settled }
}

const broken = { arrayBuffer: () => Promise.reject(new Error('unreadable')) } as unknown as Blob

t.test('Blobs are read one after the other, and tasks run in order between them', async (t) => {
  const { blobs, seen, read, settled } = setUp()
  t.equal(blobs.isReading, false)
  read('first')
  t.equal(blobs.isReading, true)
  blobs.inTurn(() => { seen.push('task') })
  read('second')
  await settled()
  t.same(seen, ['first', 'task', 'second'])
})

t.test('an unreadable Blob reports its error, and does not block later ones', async (t) => {
  const { blobs, seen, failures, read, settled } = setUp()
  let told: unknown
  blobs.read(broken, () => { t.fail('no bytes') }, (error) => { told = error })
  blobs.read(broken, () => { t.fail('no bytes') })
  read('behind')
  await settled()
  t.match(told, { message: 'unreadable' })
  t.match(failures, [{ message: 'unreadable' }])
  t.same(seen, ['behind'])
})

t.test('a Blob whose arrayBuffer() throws or returns no promise does not block later ones', async (t) => {
  const { blobs, seen, failures, read, settled } = setUp()
  const throwing = { arrayBuffer () { throw new Error('closed') } } as unknown as Blob
  const direct = { arrayBuffer: () => Uint8Array.of(97).buffer } as unknown as Blob
  blobs.read(throwing, () => { t.fail('no bytes') })
  blobs.read(direct, (bytes) => { seen.push(bytes.toString()) })
  read('behind')
  await settled()
  t.match(failures, [{ message: 'closed' }])
  t.same(seen, ['a', 'behind'])
})

t.test('errors thrown by tasks are reported, and later tasks run', async (t) => {
  const { blobs, seen, failures, read, settled } = setUp()
  blobs.read(new Blob(['x']), () => { throw new Error('of the bytes') })
  blobs.inTurn(() => { throw new Error('of the task') })
  read('behind')
  await settled()
  t.match(failures, [{ message: 'of the bytes' }, { message: 'of the task' }])
  t.same(seen, ['behind'])
})
