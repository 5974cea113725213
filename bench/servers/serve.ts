import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { answerQuestions } from '../child.js'
import { ROOT } from '../place.js'

/** What a row requires of a server. */
export interface Mode {
  readonly tls: boolean
  readonly deflate: boolean
  /** The module of fastify-wire to serve with, as a URL. */
  readonly entry: string
}

export interface Certificate { readonly key: Buffer, readonly cert: Buffer }

/**
 * Runs a server with two paths: /echo sends every message back; a message on /fanout is the number of messages to send
 * to all sockets of that path.
 * @param listen listens on a free port of 127.0.0.1 and returns it
 */
export function serve (listen: (mode: Mode, certificate: Certificate | undefined) => Promise<number>): void {
  const mode = JSON.parse(process.argv[2] as string) as Mode
  const fixture = (name: string): Buffer => readFileSync(join(ROOT, 'test/fixtures', name))
  const port = listen(mode, mode.tls ? { key: fixture('localhost.key'), cert: fixture('localhost.crt') } : undefined)
  answerQuestions({
    port: async () => await port,
    // In microseconds, for systems on which other processes cannot read it.
    cpu: () => {
      const { user, system } = process.cpuUsage()
      return user + system
    },
    // The resident bytes after several garbage collections.
    settle: async () => {
      for (let i = 0; i < 3; i++) {
        globalThis.gc?.()
        await delay(20)
      }
      return process.memoryUsage.rss()
    }
  })
}
