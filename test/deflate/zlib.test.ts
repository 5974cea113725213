import { spawnSync } from 'node:child_process'
import { constants, createDeflateRaw } from 'node:zlib'
import t from 'tap'
import {
  canRunZlib, isRunnable, openDeflateStream, openInflateStream, SCRATCH, ZlibContext, type ZlibStream
} from '../../lib/deflate/zlib.js'
import { TYPESCRIPT } from '../fixtures/processes.js'

interface Insides {
  _handle: { writeSync: unknown } | null
  _writeState: unknown
}

/** A stream whose insides were changed. */
function changed (change: (insides: Insides) => void): (options: object) => ZlibStream {
  return (options) => {
    const stream = openDeflateStream(options)
    change(stream as unknown as Insides)
    return stream
  }
}

function changedInflate (change: (insides: Insides) => void): (options: object) => ZlibStream {
  return (options) => {
    const stream = openInflateStream(options)
    change(stream as unknown as Insides)
    return stream
  }
}

t.test('this Node can run contexts synchronously', async (t) => {
  t.equal(canRunZlib(), true)
  t.equal(canRunZlib(), true)
})

t.test('a stream without the required internals is refused', async (t) => {
  for (const change of [
    (insides: Insides) => { insides._handle = null },
    (insides: Insides) => { insides._handle = { writeSync: undefined } },
    (insides: Insides) => { insides._writeState = [0, 0] },
    (insides: Insides) => { insides._writeState = new Uint32Array(3) }
  ]) {
    const stream = createDeflateRaw()
    change(stream as unknown as Insides)
    t.equal(ZlibContext.from(stream), undefined)
  }
  const without = (insides: Insides): void => { insides._writeState = undefined }
  t.equal(isRunnable(changed(without), openInflateStream), false)
  t.equal(isRunnable(openDeflateStream, changedInflate(without)), false)
})

t.test('a stream whose internals behave differently is refused', async (t) => {
  const pretend = (write: (state: Uint32Array) => void) => (insides: Insides): void => {
    const state = insides._writeState as Uint32Array
    insides._handle = { writeSync: () => write(state) }
  }
  const everything = pretend((state) => { state[0] = 10; state[1] = 0 })
  const nothing = pretend(() => {})
  const half = pretend((state) => { state[0] = 10; state[1] = 3 })
  const throwing = pretend(() => { throw new Error('not like this') })
  for (const insides of [nothing, everything, half, throwing]) {
    t.equal(isRunnable(changed(insides), openInflateStream), false)
    t.equal(isRunnable(openDeflateStream, changedInflate(insides)), false)
  }
})

t.test('a stream that does not report corrupt data is refused', async (t) => {
  const deaf = changedInflate((insides) => {
    Object.defineProperty(insides, 'destroyed', { get: () => false })
  })
  t.equal(isRunnable(openDeflateStream, deaf), false)
})

t.test('a stream that fails with valid data is refused', async (t) => {
  const failing = (insides: Insides): void => {
    Object.defineProperty(insides, 'destroyed', { get: () => true })
  }
  t.equal(isRunnable(changed(failing), openInflateStream), false)
  t.equal(isRunnable(openDeflateStream, changedInflate(failing)), false)
})

t.test('a context reports how much it consumed and produced', async (t) => {
  const text = Buffer.from('x'.repeat(1_000))
  const context = ZlibContext.from(openDeflateStream({})) as ZlibContext
  t.equal(context.run(constants.Z_SYNC_FLUSH, text, 0, text.length, SCRATCH, 0), true)
  t.equal(context.left, 0)
  const compressed = Buffer.from(SCRATCH.subarray(0, SCRATCH.length - context.room))
  context.close()
  const inflate = ZlibContext.from(openInflateStream({})) as ZlibContext
  const output = Buffer.alloc(600)
  for (let round = 0; round < 2; round++) {
    t.equal(inflate.run(constants.Z_SYNC_FLUSH, compressed, 0, compressed.length, output, 100), true)
    t.equal(inflate.room, 0)
    t.equal(output.toString('latin1', 99), '\0' + 'x'.repeat(500))
    inflate.reset()
  }
  t.equal(inflate.run(constants.Z_SYNC_FLUSH, Buffer.from('ff', 'hex'), 0, 1, output, 0), false, 'corrupt data')
})

t.test('idle contexts, synchronous or in the pool, let the process exit', async (t) => {
  const module = (name: string): string => JSON.stringify(new URL(`../../lib/deflate/${name}`, import.meta.url))
  const script = `
    import { createDeflater } from ${module('deflate.ts')}
    import { createInflater } from ${module('inflate.ts')}
    for (const isKept of [true, false]) {
      const parameters = { serverNoContextTakeover: !isKept, clientNoContextTakeover: !isKept, serverMaxWindowBits: 15, clientMaxWindowBits: 15 }
      const deflater = createDeflater(parameters, { level: 3, memLevel: 8 })
      const inflater = createInflater(parameters)
      const data = inflater.inflate(deflater.deflate(Buffer.from('there and back')), 100)
      deflater.deflateLater(Buffer.alloc(200_000), (_, compressed) => {
        inflater.inflateLater(compressed, 1e6, (_, data) => console.log(data.length))
      })
      console.log(String(data))
    }`
  const { stdout, stderr, status } = spawnSync(process.execPath, [
    ...TYPESCRIPT, '--input-type=module', '-e', script
  ], { encoding: 'utf8' })
  t.equal(stderr, '')
  t.equal(stdout, 'there and back\nthere and back\n200000\n200000\n')
  t.equal(status, 0)
})
