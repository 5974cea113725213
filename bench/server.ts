import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Child, onCore } from './child.js'
import { residentBytes, SEES_PROCESSES } from './cpu.js'
import type { Peer } from './peers.js'
import type { Row } from './rows.js'
import type { Mode } from './servers/serve.js'

/** A running server, in a process of its own. */
export interface Server {
  readonly pid: number
  readonly port: number
  /** Its CPU time so far, in microseconds. */
  cpu (): Promise<number>
  /** Its resident bytes after a garbage collection. */
  settle (): Promise<number>
  stop (): Promise<void>
}

export async function startServer ({ server }: Peer, row: Row, core: number | undefined): Promise<Server> {
  if ('command' in server) return await startNative(server.command, core)
  const mode: Mode = { tls: row.tls, deflate: row.deflate, entry: server.entry }
  const child = new Child(server.module, ['--expose-gc'], mode, core)
  try {
    return {
      pid: child.pid,
      port: await child.ask<number>('port'),
      cpu: async () => await child.ask<number>('cpu'),
      settle: async () => await child.ask<number>('settle'),
      stop: async () => { await child.stop() }
    }
  } catch (error) {
    await child.stop()
    throw error
  }
}

// Native servers, which would otherwise outlive this process.
const running = new Set<ChildProcess>()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

async function startNative (command: string, core: number | undefined): Promise<Server> {
  if (!SEES_PROCESSES) throw new Error('A native server can be measured only on systems with /proc')
  const port = await freePort()
  const line = [...onCore(core), 'sh', '-c', `exec ${command.replaceAll('{port}', String(port))}`]
  const child = spawn(line[0] as string, line.slice(1), {
    stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, PORT: String(port) }
  })
  running.add(child)
  let isRunning = true
  child.on('exit', () => {
    isRunning = false
    running.delete(child)
  })
  const pid = child.pid as number
  const stop = async (): Promise<void> => {
    if (!isRunning) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  for (let tries = 0; !await answers(port); tries++) {
    if (!isRunning || tries === 100) {
      await stop()
      throw new Error(`"${command}" does not listen on port ${port}`)
    }
    await delay(50)
  }
  return { pid, port, cpu: async () => NaN, settle: async () => residentBytes(pid), stop }
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function answers (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
