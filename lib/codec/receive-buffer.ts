import { UNMASK_WASM } from './unmask-wasm.js'
import { createUnmask, type Unmask } from './unmask.js'

/** The memory into which every read lands, and the way to unmask there. */
export interface ReceiveBuffer {
  readonly bytes: Buffer
  readonly view: DataView
  readonly unmask: Unmask
}

/** As much of WebAssembly as is used here; the types of Node have none of it. */
export interface Wasm {
  readonly Memory: new (size: { initial: number, maximum: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

const WASM_PAGE = 65_536

/** How many bytes of the peer the receive buffer takes at once. What fits the second-level cache is read and unmasked from there. */
export const RECEIVE_BUFFER_SIZE = 4 * WASM_PAGE

// The loop that takes small payloads reads whole words, so up to three bytes behind the last one.
const MARGIN = WASM_PAGE

/**
 * The receive buffer is WebAssembly memory, since a SIMD kernel can only reach that. Where there is no WebAssembly, or no SIMD,
 * it is plain memory, and unmasking is done in TypeScript.
 */
export function createReceiveBuffer (wasm: Wasm | undefined): ReceiveBuffer {
  try {
    if (wasm !== undefined) return createWasmReceiveBuffer(wasm)
  } catch {
    // No SIMD, or no code may be generated here.
  }
  const bytes = Buffer.alloc(RECEIVE_BUFFER_SIZE + MARGIN)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { bytes, view, unmask: createUnmask(view) }
}

function createWasmReceiveBuffer (wasm: Wasm): ReceiveBuffer {
  const memory = new wasm.Memory({ initial: (RECEIVE_BUFFER_SIZE + MARGIN) / WASM_PAGE, maximum: (RECEIVE_BUFFER_SIZE + MARGIN) / WASM_PAGE })
  const kernel = new wasm.Instance(new wasm.Module(Buffer.from(UNMASK_WASM, 'base64')), { codec: { page: memory } })
  return {
    bytes: Buffer.from(memory.buffer),
    view: new DataView(memory.buffer),
    unmask: kernel.exports['unmask'] as Unmask
  }
}

const receiveBuffer = createReceiveBuffer((globalThis as { WebAssembly?: Wasm }).WebAssembly)

/** All sockets share this one, since parsing is synchronous. No view of it may leave the codec and the reader. */
export const { bytes, view, unmask } = receiveBuffer
