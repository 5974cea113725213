import { UNMASK_WASM } from './unmask-wasm.js'
import { createUnmask, type Unmask } from './unmask.js'

/** The memory that all sockets read into, and the function that unmasks it. */
export interface ReceiveBuffer {
  readonly bytes: Buffer
  readonly view: DataView
  readonly unmask: Unmask
}

/** The part of WebAssembly used here; Node's types do not include it. */
export interface Wasm {
  readonly Memory: new (size: { initial: number, maximum: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

const WASM_PAGE = 65_536

/** The most bytes read at once. They fit into the second-level cache, where they are unmasked. */
export const RECEIVE_BUFFER_SIZE = 4 * WASM_PAGE

// takeBinary() reads whole words, so up to three bytes after the last one. WebAssembly memory grows by pages.
const MARGIN = WASM_PAGE

/**
 * Creates the receive buffer in WebAssembly memory, the only memory that the SIMD code can access. Without WebAssembly
 * or SIMD it is plain memory, and `unmask()` is TypeScript.
 */
export function createReceiveBuffer (wasm: Wasm | undefined): ReceiveBuffer {
  try {
    if (wasm !== undefined) return createWasmReceiveBuffer(wasm)
  } catch {
    // No SIMD, or code generation is forbidden.
  }
  const bytes = Buffer.alloc(RECEIVE_BUFFER_SIZE + MARGIN)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { bytes, view, unmask: createUnmask(view) }
}

function createWasmReceiveBuffer (wasm: Wasm): ReceiveBuffer {
  const pages = (RECEIVE_BUFFER_SIZE + MARGIN) / WASM_PAGE
  const memory = new wasm.Memory({ initial: pages, maximum: pages })
  const module = new wasm.Module(Buffer.from(UNMASK_WASM, 'base64'))
  const code = new wasm.Instance(module, { codec: { receiveBuffer: memory } })
  return {
    bytes: Buffer.from(memory.buffer),
    view: new DataView(memory.buffer),
    unmask: code.exports['unmask'] as Unmask
  }
}

const receiveBuffer = createReceiveBuffer((globalThis as { WebAssembly?: Wasm }).WebAssembly)

/** The receive buffer of all sockets: parsing is synchronous. No view of it may leave the codec and the reader. */
export const { bytes, view, unmask } = receiveBuffer
