import t from 'tap'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { checkUnmask } from '../fixtures/unmask.js'

t.test('the WASM module unmasks within the receive buffer', async (t) => {
  checkUnmask(t, receiveBuffer.bytes.subarray(0, 1024), receiveBuffer.unmask)
})

t.test('the receive buffer unmasks in TypeScript if WebAssembly is missing or refused', async (t) => {
  const refusing = { Memory: class { constructor () { throw new Error('refused') } } } as unknown as receiveBuffer.Wasm
  for (const wasm of [undefined, refusing]) {
    const { bytes, view, unmask } = receiveBuffer.createReceiveBuffer(wasm)
    t.equal(bytes.length, receiveBuffer.bytes.length)
    view.setUint8(3, 7)
    t.equal(bytes[3], 7)
    checkUnmask(t, bytes.subarray(0, 1024), unmask)
  }
})
