// Starting a process takes longer than most tests, so those that can live together run in one: its test files by name,
// or a folder, which stands for those of its files that no other process names. Each has a file in test/processes/;
// `npm test` runs those that end in .test.ts.
import { readdirSync } from 'node:fs'

export const PROCESSES = {
  application: ['.', 'inject', 'options', 'routes', 'server', 'upgrade'],
  behaviour: ['behaviour'],
  'without-direct-io': ['behaviour/without-direct-io'],
  // With one Chromium.
  clients: ['examples', 'peers'],
  engine: ['engine'],
  hostile: ['fuzz', 'hostile'],
  neighbours: ['conformance', 'docs', 'drop-in', 'packages'],
  // With processes of their own.
  runners: ['bench', 'packages/bundlers', 'packages/cluster', 'packages/jest', 'packages/runtimes'],
  socket: ['client', 'codec', 'deflate', 'handshake', 'protocol', 'socket', 'topics', 'transport'],
  // Only checks types: `npm run types` runs it.
  types: ['types']
}

const named = Object.values(PROCESSES).flat()

/** @returns the test files of a process, as `test/socket/socket.test.ts` */
export function filesOf (name) {
  return PROCESSES[name].flatMap((entry) => {
    const folder = readdirSync(new URL(`./${entry.slice(0, entry.lastIndexOf('/') + 1)}`, import.meta.url))
    if (folder.includes(`${entry.split('/').at(-1)}.test.ts`)) return [pathOf(entry)]
    const files = readdirSync(new URL(
      `./${entry}/`, import.meta.url
    )).filter((file) => file.endsWith('.test.ts')).sort()
    return files.map((file) => `${entry}/${file.slice(0, -'.test.ts'.length)}`.replace(/^\.\//, '')).filter((file) =>
      !named.includes(file)).map(pathOf)
  })
}

const pathOf = (entry) => `test/${entry}.test.ts`
