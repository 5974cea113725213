import type { LocalServer } from '../../test/fixtures/local-server.js'
import { TcpProxy } from '../../test/fixtures/tcp-proxy.js'
import { Client } from './client.js'
import { Load } from './load.js'
import { SCRIPT, ServerProcess } from './server-process.js'
import { judge, type Verdict } from './verdict.js'

export interface FaultResult extends Verdict {
  /** How many calls of publish() rejected. */
  readonly rejected: number
  /** The longest time that a client received nothing, in milliseconds. Clients that a fault stalled are left out. */
  readonly longestStall: number
}

/** What a fault can break and wait for. */
export interface FaultControls {
  readonly engine: LocalServer
  readonly proxy: TcpProxy
  readonly clients: readonly Client[]
  /** Resolves when this part of all messages, from 0 to 1, has been published. */
  reached (part: number): Promise<void>
  /** Kills a server process, and starts another in its place. */
  killServer (index: number): Promise<void>
  /** Starts another server process, and closes the one that it replaces. */
  restartServer (index: number): Promise<void>
}

export interface HarnessOptions {
  readonly kind: 'redis' | 'nats'
  readonly start: () => Promise<LocalServer>
  readonly messages: number
  readonly clients: number
  readonly processes?: number
  /** The script of the server processes, if it is not the one beside this file. */
  readonly script?: string
  /** Fails the case after this time, in milliseconds. */
  readonly timeLimit?: number
  readonly fault: (controls: FaultControls) => Promise<void>
}

/** Publishes from all processes during a fault, and compares the accepted messages with those that clients received. */
export async function runFault (options: HarnessOptions): Promise<FaultResult> {
  const { start, processes = 3, timeLimit = 900_000, fault } = options
  const engine = await start()
  const proxy = new TcpProxy(engine.port)
  const url = engine.url.replace(/\d+$/, String(await proxy.listen()))
  const clients = Array.from({ length: options.clients }, () => new Client())
  const load = new Load(options.messages, clients)
  const started: ServerProcess[] = []
  const startServer = async (): Promise<ServerProcess> => {
    const server = new ServerProcess({
      kind: options.kind,
      url,
      number: started.length,
      script: options.script ?? SCRIPT,
      onReport: (accepted) => { load.addAccepted(accepted) }
    })
    started.push(server)
    await server.started()
    return server
  }
  let turn = 0
  const nextPort = (): number => {
    const running = load.servers.filter(({ isGone }) => !isGone)
    return (running[turn++ % running.length] as ServerProcess).port
  }
  const controls: FaultControls = {
    engine,
    proxy,
    clients,
    reached: (part) => load.reached(part),
    killServer: async (index) => {
      await load.servers[index]!.kill()
      load.servers[index] = await startServer()
    },
    restartServer: async (index) => {
      const old = load.servers[index]!
      load.servers[index] = await startServer()
      await old.close()
    }
  }
  const timer = setTimeout(() => { load.fail(new Error(`not done in ${timeLimit} ms: ${load.describe()}`)) }, timeLimit)
  try {
    load.servers.push(...await Promise.all(Array.from({ length: processes }, startServer)))
    await load.within(Promise.all(clients.map((client) => client.open(nextPort, () => { load.update() }))))
    await load.within(Promise.all([load.publishAll(), fault(controls)]))
    await load.publishEnd()
    return {
      ...judge(load.accepted, clients.map(({ received }) => received)),
      rejected: started.reduce((sum, { rejected }) => sum + rejected, 0),
      longestStall: Math.max(...clients.filter(({ wasStalled }) => !wasStalled).map(({ longestStall }) => longestStall))
    }
  } finally {
    clearTimeout(timer)
    load.stop()
    for (const client of clients) client.close()
    await Promise.all(started.map((server) => server.kill()))
    await proxy.close()
    await engine.stop()
  }
}
