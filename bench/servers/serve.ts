import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { answerQuestions } from '../child.js'
import { ROOT } from '../place.js'

/** What a row asks of a server. */
export interface Mode {
  readonly tls: boolean
  readonly deflate: boolean
  /** The module of fastify-wire to serve with, as a URL. */
  readonly entry: string
}

export interface Certificate { readonly key: Buffer, readonly cert: Buffer }

/**
 * Runs a server that answers on two paths: /echo sends every message back; a message on /fanout says how many messages
 * all sockets of that path are sent.
 * @param listen takes a free port of 127.0.0.1 and returns it
 */
export function serve (listen: (mode: Mode, certificate: Certificate | undefined) => Promise<number>): void {
  const mode = JSON.parse(process.argv[2] as string) as Mode
  const fixture = (name: string): Buffer => readFileSync(join(ROOT, 'test/fixtures', name))
  const port = listen(mode, mode.tls ? { key: fixture('localhost.key'), cert: fixture('localhost.crt') } : undefined)
  answerQuestions({
    port: async () => await port,
    // In microseconds, for where no one else can see it.
    cpu: () => {
      const { user, system } = process.cpuUsage()
      return user + system
    },
    // What is still resident when everything that can be given back is.
    settle: async () => {
      for (let i = 0; i < 3; i++) {
        globalThis.gc?.()
        await delay(20)
      }
      return process.memoryUsage.rss()
    }
  })
}
