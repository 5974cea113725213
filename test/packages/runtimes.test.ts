// Other runtimes than Node, as the packages `deno` and `bun` bring them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { WebSocket } from 'ws'
import { RawClient, text, upgradeHead } from '../fixtures/client.js'

const SERVER = fileURLToPath(new URL('../fixtures/runtime.ts', import.meta.url))
const RUNTIMES = {
  // The imports of a source file end in .js, which Node's loaders and Bun take for the .ts beside it.
  deno: ['run', '--allow-all', '--no-check', '--unstable-sloppy-imports', '--node-modules-dir=manual'],
  bun: ['run']
}
const ANSWER = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nx-hook: yes\r\n\r\n'
const HIXIE_76 = {
  Upgrade: 'WebSocket',
  Origin: 'http://example.com',
  'Sec-WebSocket-Key': undefined,
  'Sec-WebSocket-Version': undefined,
  'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5',
  'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00'
}

for (const [name, flags] of Object.entries(RUNTIMES)) {
  const binary = fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url))
  const isMissing = !existsSync(binary) && process.env['CI'] === undefined
  const skip = isMissing && `${name} is not installed: npm install --no-save ${name}`

  t.test(`${name} serves sockets, refuses them, answers plain requests and closes`, { skip }, async (t) => {
    const child = spawn(binary, [...flags, SERVER], {
      stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' }
    })
    t.teardown(() => { child.kill('SIGKILL') })
    const exited = once(child, 'exit')
    const port = Number(await Promise.race([once(child.stdout, 'data'), exited]))

    const raw = new RawClient(t, port)
    raw.write(Buffer.concat([Buffer.from(upgradeHead('/echo')), text('early')]))
    t.equal(await raw.readHead(), ANSWER, 'the answer has nothing of a body')
    t.equal(await raw.readText(), 'early')

    const old = new RawClient(t, port)
    old.write(upgradeHead('/echo', HIXIE_76) + '^n:ds[4U')
    t.match(await old.readHead(), /^HTTP\/1\.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\n/)
    t.equal((await old.read(16)).toString('latin1'), '8jKS\'y:G*Co,Wxa-')

    const refused = new RawClient(t, port)
    refused.write(upgradeHead('/refused'))
    const { status, body } = await refused.readAnswer()
    t.same([status, body], [401, { message: 'no' }])
    t.equal(await (await fetch(`http://127.0.0.1:${port}/echo`)).text(), 'plain')

    const client = new WebSocket(`ws://127.0.0.1:${port}/echo`)
    await once(client, 'open')
    client.send(Buffer.alloc(1_000_000, 'a'))
    const [data] = await once(client, 'message') as [Buffer]
    t.equal(data.length, 1_000_000)
    const closed = once(client, 'close')
    child.stdin.end()
    t.equal((await closed)[0], 1001)
    t.same(await exited, [0, null])
  })
}
