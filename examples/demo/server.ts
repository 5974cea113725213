// `npm start`. The demo runs in a process of its own, so that it can be killed; when it is, it is started again.
import { fork, type ChildProcess } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const { PORT = '3000' } = process.env

/** How long a killed process stays away: long enough to see what the windows do meanwhile. */
const ABSENCE = 3000

const fail = (message: string): never => {
  console.error(message)
  process.exit(1)
}

if (!/^\d+$/.test(PORT) || Number(PORT) > 65535) fail(`PORT must be a number from 0 to 65535, not "${PORT}"`)

let child: ChildProcess | undefined
let address = ''
let isStopping = false

const start = (): void => {
  // The same port as before, also where it was any free one.
  const env = address ? { ...process.env, PORT: new URL(address).port } : process.env
  const started = child = fork(fileURLToPath(new URL('./process.js', import.meta.url)), { env })
  started.once('message', (message) => {
    if (address === '') console.log(`The demo is at ${String(message)} - open it in two windows (Ctrl+C stops it)`)
    else console.log(`Started again as process ${started.pid}`)
    address = String(message)
  })
  started.once('exit', async (code) => {
    child = undefined
    if (isStopping || code !== null) process.exit(code ?? 0)
    console.log(`Killed. It starts again in ${ABSENCE / 1000} seconds`)
    await setTimeout(ABSENCE)
    start()
  })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A second signal does not wait.
    if (isStopping || child === undefined) process.exit(child && 1)
    isStopping = true
    child.kill('SIGTERM')
  })
}

start()
