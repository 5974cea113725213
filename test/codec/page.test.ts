import t from 'tap'
import * as page from '../../lib/codec/page.js'
import { checkUnmask } from '../fixtures/unmask.js'

t.test('the kernel unmasks in the page', async (t) => {
  checkUnmask(t, page.bytes.subarray(0, 1024), page.unmask)
})

t.test('where there is no WebAssembly, or it refuses, the page does the same in TypeScript', async (t) => {
  const refusing = { Memory: class { constructor () { throw new Error('refused') } } } as unknown as page.Wasm
  for (const wasm of [undefined, refusing]) {
    const { bytes, view, unmask } = page.createPage(wasm)
    t.equal(bytes.length, page.bytes.length)
    view.setUint8(3, 7)
    t.equal(bytes[3], 7)
    checkUnmask(t, bytes.subarray(0, 1024), unmask)
  }
})
