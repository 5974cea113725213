// Every whole conversation once more, with nothing but what Node makes public.
import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

process.env['WIRE_DIRECT_IO'] = 'off'

const own = basename(fileURLToPath(import.meta.url))
const behaviour = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.ts') && name !== own).map((name) => `./${name}`)

t.ok(behaviour.length > 3)
for (const file of ['../socket/socket.test.ts', '../socket/stream.test.ts', '../upgrade/http1.test.ts', '../routes.test.ts', ...behaviour]) {
  await import(new URL(file, import.meta.url).href)
}
