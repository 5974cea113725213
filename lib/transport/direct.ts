import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writevSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getSystemErrorName } from 'node:util'
import { timers } from '../timers.js'

/**
 * What Node has, and does not make public, for accepted sockets. This file alone knows of it. It is used only where
 * every piece was found and has passed a test at start, and the option `directIO` turns it off.
 *
 * - Reading into one given buffer. `net.Socket` does it for sockets that its constructor is told of (`onread`), and
 *   keeps that in three slots; for an accepted socket nothing but these slots can turn it on. Else each read allocates
 *   64 KiB, shrinks it and passes a Readable: 8.4 µs, not 7.1, of an echo of 64 bytes.
 * - Writing without a Writable around it: one call of the handle, which most often sends everything at once.
 * - Writing no more than the kernel takes: the descriptor of a handle can be written to like that of a file.
 *
 * The test needs nothing from outside of the process: it talks over a socket of the Unix domain with an abstract name, or
 * a named pipe of Windows. Its handles have their methods from the same native class as those of TCP, and a stream whose
 * handle has other methods than the tested ones is written to in the public way.
 */

/** The native side of a TCP connection or pipe. */
export interface DirectHandle {
  writeBuffer (request: WriteRequest | null, bytes: Buffer): WriteStarted
  writev (request: WriteRequest | null, parts: readonly Buffer[], areBuffers: true): WriteStarted
  useUserBuffer (buffer: Buffer): void
  /** Negative, or missing, where there is none. */
  readonly fd?: number
}

/** A write that the kernel did not take at once; the handle calls `oncomplete` when it is done. */
interface WriteRequest {
  oncomplete: ((status: number) => void) | undefined
  /** Keeps the bytes from being collected meanwhile. */
  buffer: Buffer | readonly Buffer[] | undefined
  /** -1 for a request that no handle has taken. */
  getAsyncId (): number
}

/** 0, an error number, or, of a handle that was given no request, the request of a write that is under way. */
type WriteStarted = number | WriteRequest

type Callback = (this: Duplex, length: number) => boolean

interface Slots {
  readonly buffer: symbol
  readonly callback: symbol
  readonly generator: symbol
  /** What a write is given; null from Node 26 on, whose handles make a request where one is needed. */
  readonly Request: (new () => WriteRequest) | null
  /** TLS and other handles have other methods: what they do is not what was tested. */
  readonly writeBuffer: DirectHandle['writeBuffer']
  readonly writev: DirectHandle['writev']
}

/** A stream as seen by this file. */
interface Internals {
  _handle?: DirectHandle | null
  [slot: symbol]: unknown
}

const internalsOf = (stream: Duplex): Internals => stream as unknown as Internals

// Enough to fill the buffers of the kernel, so that a write has to wait.
const MORE_THAN_FITS = 16_777_216

// What has not answered in this time, in milliseconds, does not work, and the server is to start all the same.
const TEST_TIMEOUT = 3_000

// Names of sockets that are neither files nor ports. In front of them is what makes them so.
const NAMESPACES: Partial<Record<NodeJS.Platform, string>> = { linux: '\0', android: '\0', win32: '\\\\.\\pipe\\' }

// As many buffers as the kernel takes in one call.
const MOST_PARTS = 1_024

let slots: Slots | undefined
// A write that is done at once does not use its request up.
let spare: WriteRequest | undefined
let tested: Promise<boolean> | undefined

/** Looks for the slots and tests them, once in a process. Resolves to whether they work; it takes three seconds at most. */
export function prepareDirectIO (): Promise<boolean> {
  tested ??= inTime(findSlots).then((found) => {
    slots = found
    return true
  }, () => false)
  return tested
}

/** Has a stream read into `buffer`, and call back with the length. False where that cannot be done. */
export function readInto (stream: Duplex, buffer: Buffer, callback: Callback): boolean {
  return slots !== undefined && install(slots, stream, buffer, callback)
}

/** The handle of a stream that `writeDirectly()` may be called with. */
export function directHandle (stream: Duplex): DirectHandle | undefined {
  const handle = internalsOf(stream)._handle
  return slots !== undefined && handle?.writeBuffer === slots.writeBuffer && handle.writev === slots.writev ? handle : undefined
}

/** What became of a write: everything has left, it leaves later and calls back, or the connection refused it. */
export type WriteResult = 'done' | 'pending' | 'refused'

/** @param written called, with 0 or an error number, only when the write is pending */
export function writeDirectly (handle: DirectHandle, bytes: Buffer | readonly Buffer[], written: (status: number) => void): WriteResult {
  return write((slots as Slots).Request, handle, bytes, written)
}

/** Whether `writeNow()` may be called with a handle; those of Windows have no descriptor. */
export function canWriteNow ({ fd = -1 }: DirectHandle): boolean {
  return fd >= 0
}

/**
 * Hands as much to the kernel as it takes now. Only for a handle with no write under way.
 * @returns how many bytes it took
 */
export function writeNow ({ fd = -1 }: DirectHandle, parts: readonly Buffer[]): number {
  if (fd < 0) return 0
  let taken = 0
  try {
    for (let at = 0; at < parts.length; at += MOST_PARTS) {
      const some = parts.length > MOST_PARTS ? parts.slice(at, at + MOST_PARTS) : parts
      const length = writevSync(fd, some)
      taken += length
      if (length < lengthOf(some)) break
    }
  } catch {
    // It takes nothing, or the connection is broken: an ordinary write waits, or says so.
  }
  return taken
}

function lengthOf (parts: readonly Buffer[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}

/** The error that a stream would have told of a write that ended so; null where it went well. */
export function writeError (status: number): Error | null {
  if (status === 0) return null
  const code = getSystemErrorName(status)
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' })
}

function write (Request: Slots['Request'], handle: DirectHandle, bytes: Buffer | readonly Buffer[], written: (status: number) => void): WriteResult {
  const given = Request === null ? null : spare ??= new Request()
  const started = Buffer.isBuffer(bytes) ? handle.writeBuffer(given, bytes) : handle.writev(given, bytes, true)
  if (started === 0 && (given === null || given.getAsyncId() === -1)) return 'done'
  spare = undefined
  const request = typeof started === 'number' ? given : started
  if (request === null || (started !== 0 && started !== request)) return 'refused'
  request.buffer = bytes
  request.oncomplete = written
  return 'pending'
}

type ReadSlots = Pick<Slots, 'buffer' | 'callback' | 'generator'>

/** A slot is found by what the constructor puts there, not by its name. */
function findReadSlots (): ReadSlots {
  const buffer = Buffer.alloc(1)
  // Any two functions: nothing is read, so nobody calls them.
  const generator = Buffer.alloc
  const callback = Boolean
  const withBuffer = internalsOf(new Socket({ onread: { buffer, callback } } as object))
  const withGenerator = internalsOf(new Socket({ onread: { buffer: generator, callback } } as object))
  return {
    buffer: slotOf(withBuffer, buffer),
    callback: slotOf(withBuffer, callback),
    generator: slotOf(withGenerator, generator)
  }
}

function slotOf (socket: Internals, value: unknown): symbol {
  const slot = Object.getOwnPropertySymbols(socket).find((symbol) => socket[symbol] === value)
  if (slot === undefined) throw new Error('This version of Node keeps it elsewhere')
  return slot
}

function install (slots: ReadSlots, stream: Duplex, buffer: Buffer, callback: Callback): boolean {
  const socket = internalsOf(stream)
  if (!(stream instanceof Socket) || typeof socket._handle?.useUserBuffer !== 'function') return false
  socket[slots.buffer] = buffer
  socket[slots.callback] = callback
  socket[slots.generator] = null
  socket._handle.useUserBuffer(buffer)
  return true
}

async function findSlots (signal: AbortSignal): Promise<Slots> {
  const found = findReadSlots()
  const namespace = NAMESPACES[process.platform]
  if (namespace === undefined) throw new Error('No connection can be made within the process')
  const path = `${namespace}fastify-wire-${randomBytes(16).toString('hex')}`
  // A worker of node:cluster would ask the primary for it.
  const server = createServer().listen({ path, exclusive: true })
  const ends: Socket[] = []
  try {
    await once(server, 'listening', { signal })
    const client = new Socket().on('error', ignore)
    ends.push(client)
    const [accepted] = await Promise.all([once(server, 'connection', { signal }), once(client.connect(path), 'connect', { signal })])
    const [other] = accepted as [Socket]
    ends.push(other.on('error', ignore))
    return await Promise.race([testSlots(found, other, client), aborted(signal)])
  } finally {
    for (const end of ends) end.destroy()
    server.close()
  }
}

/* c8 ignore next -- whether a broken connection tells an error is up to the kernel */
function ignore (): void {}

async function inTime<Result> (task: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController()
  const timer = timers.setTimeout(() => { controller.abort() }, TEST_TIMEOUT)
  try {
    return await task(controller.signal)
  } finally {
    timers.clearTimeout(timer)
  }
}

async function aborted (signal: AbortSignal): Promise<never> {
  await once(signal, 'abort')
  throw new Error('This version of Node does not call back')
}

/** Talks over a connection of the process to itself, in the way that is to be used. */
async function testSlots (found: ReadSlots, accepted: Socket, client: Socket): Promise<Slots> {
  const all = { ...found, ...findWriteSlots(accepted) }
  await testReading(all, accepted, client)
  await testWriting(all, accepted, client)
  return all
}

/** The class of a request has no name that can be reached: it is taken from a write of a stream. */
function findWriteSlots (socket: Socket): Pick<Slots, 'Request' | 'writeBuffer' | 'writev'> {
  const handle = internalsOf(socket)._handle as DirectHandle
  const { writeBuffer, writev } = handle
  let Request: Slots['Request'] | undefined
  handle.writeBuffer = function (request, bytes) {
    Request = request === null ? null : request.constructor as new () => WriteRequest
    return writeBuffer.call(this, request, bytes)
  }
  socket.write(Buffer.from('first'))
  Reflect.deleteProperty(handle, 'writeBuffer')
  if (Request === undefined || handle.writeBuffer !== writeBuffer) throw new Error('This version of Node writes in another way')
  return { Request, writeBuffer, writev }
}

async function testReading (slots: Slots, accepted: Socket, client: Socket): Promise<void> {
  const buffer = Buffer.alloc(8)
  const received = new Promise<string>((resolve) => {
    install(slots, accepted, buffer, (length) => {
      resolve(buffer.toString('latin1', 0, length))
      return true
    })
  })
  accepted.resume()
  client.write('read')
  if (await received !== 'read') throw new Error('This version of Node reads in another way')
}

async function testWriting ({ Request }: Slots, accepted: Socket, client: Socket): Promise<void> {
  const handle = internalsOf(accepted)._handle as DirectHandle
  let received = ''
  client.on('data', (bytes: Buffer) => { if (received.length < 64) received += bytes.toString('latin1', 0, 64) })
  client.pause()
  const small = write(Request, handle, [Buffer.from('a'), Buffer.from('b')], ignore)
  const now = writeNow(handle, [Buffer.from('c'), Buffer.from('d')])
  // Where there is no descriptor, nothing is ever written to it.
  if (now === 0) write(Request, handle, Buffer.from('cd'), ignore)
  const status = await new Promise<number>((resolve) => {
    const large = write(Request, handle, Buffer.alloc(MORE_THAN_FITS), resolve)
    if (small !== 'done' || large !== 'pending') resolve(-1)
    client.resume()
  })
  // The first bytes were written to find out how.
  if (status !== 0 || !received.includes('firstabcd')) throw new Error('This version of Node writes in another way')
}
