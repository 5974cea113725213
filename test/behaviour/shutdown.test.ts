// The shutdown of a process with the default options.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { createApp } from '../fixtures/app.js'
import { writeBundle } from '../fixtures/processes.js'

const GRACE = 10_000

t.test('a process with a silent client ends within ten seconds of SIGTERM', async (t) => {
  const script = await writeBundle(t.testdir(), 'test/fixtures/grace.ts')
  await Promise.all(['close-with-grace', 'a plain handler'].map(async (how) => {
    const child = spawn(process.execPath, [script, how], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => { child.kill('SIGKILL') })
    let output = ''
    let start = 0
    child.stdout.on('data', (text) => {
      output += String(text)
      if (start > 0 || !output.includes('ready')) return
      start = performance.now()
      child.kill('SIGTERM')
    })
    const [code] = await once(child, 'close')
    const duration = performance.now() - start
    t.equal(code, 0, how)
    t.ok(duration < GRACE, `${how}: ${Math.round(duration)} ms`)
    t.match(output, 'close 1006, database open', how)
  }))
})

t.test('onClose hooks run when asynchronous listeners of close have settled', async (t) => {
  const events: string[] = []
  const app = await createApp(t)
  app.addHook('onClose', async () => { events.push('onClose') })
  const listening = new Promise<void>((resolve) => {
    app.ws('/demo', (socket) => {
      socket.on('close', async () => {
        await new Promise((resolve) => { setTimeout(resolve, 30) })
        events.push('close')
      })
      resolve()
    })
  })
  await app.injectWS('/demo')
  await listening
  await app.close()
  t.same(events, ['close', 'onClose'])
})

t.test('onClose hooks wait for asynchronous close listeners even with a preClose hook', async (t) => {
  const events: string[] = []
  const app = await createApp(t, { preClose: (done) => { done() } })
  app.addHook('onClose', async () => { events.push('onClose') })
  let finish = (): void => {}
  const called = new Promise<void>((resolve) => {
    app.ws('/demo', (socket) => {
      socket.on('close', async () => {
        resolve()
        await new Promise<void>((resolve) => { finish = resolve })
        events.push('close')
      })
    })
  })
  const client = await app.injectWS('/demo')
  client.terminate()
  await called
  const closed = app.close()
  setImmediate(() => { finish() })
  await closed
  t.same(events, ['close', 'onClose'])
})

t.test('a close listener that never settles delays the shutdown by closeTimeout', async (t) => {
  const app = await createApp(t, { closeTimeout: 50 })
  const called = new Promise<void>((resolve) => {
    app.ws('/demo', (socket) => {
      socket.on('close', async () => {
        resolve()
        await new Promise(() => {})
      })
    })
  })
  const client = await app.injectWS('/demo')
  client.terminate()
  await called
  await app.close()
})
