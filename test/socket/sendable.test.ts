import t from 'tap'
import {
  isBinaryByDefault, isBinaryType, isBlob, toBinaryType, toBuffer, type Sendable
} from '../../lib/socket/sendable.js'

t.test('strings and numbers are text, all other data is binary', async (t) => {
  t.equal(isBinaryByDefault('text'), false)
  t.equal(isBinaryByDefault(42), false)
  for (const data of [Buffer.alloc(0), new ArrayBuffer(0), new SharedArrayBuffer(0), new Uint8Array(0), []]) {
    t.equal(isBinaryByDefault(data), true)
  }
})

t.test('everything that can be sent becomes its bytes', async (t) => {
  const bytes = Uint8Array.from([1, 2, 3, 4])
  const shared = new SharedArrayBuffer(2)
  new Uint8Array(shared).set([5, 6])
  const cases: Array<[Sendable, Buffer]> = [
    ['é', Buffer.from('é')],
    [-1.5, Buffer.from('-1.5')],
    [bytes, Buffer.from([1, 2, 3, 4])],
    [bytes.subarray(1, 3), Buffer.from([2, 3])],
    [new Uint16Array(bytes.buffer, 2, 1), Buffer.from([3, 4])],
    [new DataView(bytes.buffer, 1, 2), Buffer.from([2, 3])],
    [bytes.buffer, Buffer.from([1, 2, 3, 4])],
    [shared, Buffer.from([5, 6])],
    [[Buffer.from('a'), Buffer.from('b')], Buffer.from('ab')],
    [[Uint8Array.of(7), Buffer.from('c')], Buffer.from('\x07c')],
    [[1, 2, 255], Buffer.from([1, 2, 255])],
    [null as never, Buffer.alloc(0)],
    [undefined as never, Buffer.alloc(0)],
    [[], Buffer.alloc(0)]
  ]
  for (const [data, expected] of cases) t.same(toBuffer(data), expected)
})

t.test('bytes are not copied', async (t) => {
  const buffer = Buffer.from('abc')
  t.equal(toBuffer(buffer), buffer)
  const view = new Uint8Array(8).subarray(2, 4)
  t.equal(toBuffer(view).buffer, view.buffer)
  t.equal(toBuffer(view).byteOffset, 2)
  const whole = new ArrayBuffer(4)
  t.equal(toBuffer(whole).buffer, whole)
})

t.test('binaryType determines the type of a binary message', async (t) => {
  const data = Buffer.from('abc')
  t.equal(toBinaryType(data, 'nodebuffer'), data)
  t.same(toBinaryType(data, 'fragments'), [data])
  t.equal((toBinaryType(data, 'fragments') as Buffer[])[0], data)
  const copy = toBinaryType(data, 'arraybuffer') as ArrayBuffer
  t.ok(copy instanceof ArrayBuffer)
  t.equal(copy.byteLength, 3)
  data.fill(0)
  t.equal(Buffer.from(copy).toString(), 'abc')
})

t.test('an unsupported value is refused, with its type in the message', async (t) => {
  const message = (what: string) => ({
    code: 'FST_WIRE_DATA',
    message: `A message must be a string, a number or bytes (Buffer, typed array, ArrayBuffer, or a list of them), not ${what}`
  })
  t.throws(() => toBuffer({ a: 1 } as never), message('an object (Object), whose text is JSON.stringify(object)'))
  t.throws(
    () => toBuffer(Object.create(null)),
    message('an object (without a prototype), whose text is JSON.stringify(object)')
  )
  t.throws(() => toBuffer(true as never), message('a boolean'))
  t.throws(() => toBuffer((() => {}) as never), message('a function'))
  t.throws(() => toBuffer(new Blob([]) as never), message('a Blob: its bytes are await blob.arrayBuffer()'))
  t.throws(() => toBuffer(['text'] as never), message('a list of other values'))
  // eslint-disable-next-line no-sparse-arrays
  t.throws(() => toBuffer([, Buffer.from('b')] as never), message('a list of other values'))
  const transferred = new ArrayBuffer(4)
  const views = [transferred, new Uint8Array(transferred), new DataView(transferred)]
  structuredClone(transferred, { transfer: [transferred] })
  for (const data of views) t.throws(() => toBuffer(data), message('bytes whose ArrayBuffer was transferred'))
})

t.test('there are three binary types', async (t) => {
  for (const type of ['nodebuffer', 'arraybuffer', 'fragments']) t.equal(isBinaryType(type), true)
  for (const type of ['blob', 'bogus', undefined]) t.equal(isBinaryType(type), false)
})

t.test('a Blob and a File are Blobs, an object that only has their methods is not', async (t) => {
  for (const blob of [new Blob(['x']), new File(['x'], 'x.txt')]) t.equal(isBlob(blob), true)
  for (const other of [null, 'Blob', new Response('x'), { arrayBuffer: 5, [Symbol.toStringTag]: 'Blob' }]) {
    t.equal(isBlob(other), false)
  }
})
