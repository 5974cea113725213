import { readFileSync } from 'node:fs'
import t from 'tap'
import { installedPackages, licenseList } from '../licenses.js'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
  readonly publishConfig: object
}

const manifest = JSON.parse(read('package.json')) as Manifest

t.test('LICENSES.md lists everything that is installed with the package', async (t) => {
  t.equal(read('LICENSES.md'), licenseList(), 'npm run licenses writes it')
})

t.test('installed packages have a licence that requires only its text, and an integrity', async (t) => {
  const packages = installedPackages()
  for (const name of Object.keys(manifest.dependencies)) t.ok(packages.some((each) => each.name === name), name)
  for (const { name, license, integrity } of packages) {
    t.match(license, /^(MIT|ISC|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|Apache-2\.0)$/, name)
    t.match(integrity, /^sha512-/, name)
  }
})

t.test('no script runs when the package is installed', async (t) => {
  for (const { name, hasInstallScript } of installedPackages()) t.equal(hasInstallScript, false, name)
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
    t.equal(manifest.scripts[name], undefined, name)
  }
})

t.test('the package is published with provenance', async (t) => {
  t.same(manifest.publishConfig, { access: 'public', provenance: true })
})

t.test('the lockfile contains no host', async (t) => {
  t.notMatch(read('package-lock.json'), /"resolved": /)
})
