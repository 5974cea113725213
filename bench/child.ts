import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { moduleUrl } from './place.js'

interface Question { readonly verb: string, readonly argument: unknown }
type Message = { readonly answer: unknown } | { readonly error: string } | { readonly ask: true }

/** The start of a command line that runs a program on one core only. */
export function onCore (core: number | undefined): string[] {
  return core === undefined ? [] : ['taskset', '-c', String(core)]
}

/** A Node.js process that answers questions, one at a time. */
export class Child {
  readonly #process: ChildProcess
  #exit: string | undefined
  /** Answers `askBack()` of the child while it works on a question. */
  onAsk: (() => Promise<unknown>) | undefined

  /** @param module the file that it runs, relative to this directory and without its extension */
  constructor (module: string, flags: readonly string[], argument: unknown, core: number | undefined) {
    const line = [
      ...onCore(core), process.execPath, ...process.execArgv, ...flags, fileURLToPath(moduleUrl(module)),
      JSON.stringify(argument)
    ]
    this.#process = spawn(line[0] as string, line.slice(1), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#process.on('exit', (code, signal) => { this.#exit = `${module} ended with ${signal ?? code}` })
    this.#process.on('error', (error) => { this.#exit = error.message })
  }

  get pid (): number {
    return this.#process.pid as number
  }

  async ask<Answer> (verb: string, argument?: unknown): Promise<Answer> {
    if (this.#exit !== undefined) throw new Error(this.#exit)
    const child = this.#process
    return await new Promise((resolve, reject) => {
      const onExit = (): void => { settle(() => { reject(new Error(this.#exit)) }) }
      const onMessage = (message: Message): void => {
        if ('ask' in message) {
          this.onAsk?.().then((argument) => { child.send({ verb: 'answer', argument }) }, reject)
        } else if ('error' in message) settle(() => { reject(new Error(message.error)) })
        else settle(() => { resolve(message.answer as Answer) })
      }
      const settle = (finish: () => void): void => {
        child.off('message', onMessage)
        child.off('exit', onExit)
        finish()
      }
      child.on('message', onMessage)
      child.on('exit', onExit)
      child.send({ verb, argument } satisfies Question)
    })
  }

  async stop (): Promise<void> {
    if (this.#exit !== undefined) return
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exit
  }
}

/** The other side of `Child`: answers the questions of the parent until the parent exits. */
export function answerQuestions (verbs: Record<string, (argument: unknown) => unknown>): void {
  process.on('message', ({ verb, argument }: Question) => {
    if (verb === 'answer') return
    Promise.resolve(argument).then(verbs[verb]).then(
      (answer) => { process.send?.({ answer }) },
      (error: Error) => { process.send?.({ error: error.message }) })
  })
  process.on('disconnect', () => { process.exit() })
}

/** Asks the parent, which answers with `onAsk`. */
export async function askBack (): Promise<unknown> {
  process.send?.({ ask: true })
  for (;;) {
    const [{ verb, argument }] = await once(process, 'message') as [Question]
    if (verb === 'answer') return argument
  }
}
