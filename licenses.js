// What is installed together with this package, and under which licence, as the lockfile says: `npm run licenses`
// writes it to LICENSES.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const LOCKFILE = new URL('package-lock.json', import.meta.url)
const LIST = new URL('LICENSES.md', import.meta.url)

/**
 * The packages that `npm install fastify-wire` brings along; not those for development, nor the peers, which the
 * application has.
 */
export function installedPackages () {
  const { packages } = JSON.parse(readFileSync(LOCKFILE, 'utf8'))
  return Object.entries(packages)
    .filter(([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer)
    .map(([path, { version, license, hasInstallScript = false, integrity }]) => ({
      name: path.slice(path.lastIndexOf('node_modules/') + 13), version, license, hasInstallScript, integrity
    }))
    .sort((a, b) => a.name < b.name ? -1 : 1)
}

export function licenseList () {
  const rows = installedPackages().map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`)
  return `# Licences

fastify-wire is under the [MIT licence](LICENSE). These packages are installed together with it, in the versions that are tested.
None of them runs a script when it is installed. \`npm run licenses\` writes this list from the lockfile, and a test compares it.

| package | version | licence |
|---|---|---|
${rows.join('\n')}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(LIST, licenseList())
