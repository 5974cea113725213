// The test files of each process. Starting a process takes longer than most tests, so tests that do not disturb each
// other share one. An entry is a test file, or a folder, which stands for its files that no other process lists. Each
// process has a file in test/processes/. `npm test` runs those that end in .test.ts.
import { readdirSync } from 'node:fs'

export const PROCESSES = {
  application: ['.', 'inject', 'options', 'routes', 'server', 'upgrade'],
  behaviour: ['behaviour'],
  'without-direct-io': ['behaviour/without-direct-io'],
  // These share one Chromium.
  clients: ['examples', 'peers'],
  engine: ['engine'],
  hostile: ['fuzz', 'hostile'],
  neighbours: ['conformance', 'docs', 'drop-in', 'packages'],
  // These start processes.
  runners: ['bench', 'packages/bundlers', 'packages/cluster', 'packages/jest', 'packages/runtimes'],
  socket: ['client', 'codec', 'deflate', 'handshake', 'protocol', 'socket', 'topics', 'transport'],
  // Only checks types: `npm run types` runs it.
  types: ['types']
}

const named = Object.values(PROCESSES).flat()

/** @returns the paths of the test files of a process, like `test/socket/socket.test.ts` */
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
