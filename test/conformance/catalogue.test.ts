// The cases of Autobahn over real connections: most of them over TCP, and a sample over each other carrier. `npm run
// conformance` runs all cases over every carrier.
import t from 'tap'
import { CARRIERS, type CarrierName } from './carriers.js'
import type { Case } from './case.js'
import { catalogue, sectionOf, SECTIONS } from './catalogue.js'
import { judge } from './judge.js'

const ALL = catalogue(3)

t.test('the table contains every case of the catalogue', async (t) => {
  t.equal(ALL.length, 517)
  t.equal(new Set(ALL.map(({ id }) => id)).size, 517)
  for (const [section, , cases] of SECTIONS) {
    t.equal(ALL.filter((one) => sectionOf(one) === section).length, cases, `section ${section}`)
  }
})

const run = (name: CarrierName, cases: readonly Case[]): void => {
  t.test(`${cases.length} cases hold over ${name}`, async (t) => {
    const carrier = await CARRIERS[name](t)
    const failed: string[] = []
    for (const one of cases) {
      const fault = await judge(carrier, one)
      if (fault !== undefined) failed.push(`${one.id} ${one.description}: ${fault}`)
    }
    t.same(failed, [])
  })
}

/** Small cases: a few hundred of them take a second. */
const isQuick = (one: Case): boolean => [1, 2, 3, 4, 5, 6, 7, 10].includes(sectionOf(one))
const isOneOfMany = (count: number) => (_one: Case, i: number): boolean => i % count === 0
/** One other case of each section. None sends more than a few megabytes. */
const isSample = ({ id }: Case): boolean =>
  /^(9\.[12]\.2|9\.[34]\.5|9\.[56]\.6|12\.\d\.(4|13)|13\.\d\.(5|15))$/.test(id)

run('TCP', ALL.filter((one) => isQuick(one) || isSample(one)))
run('TLS', ALL.filter(isQuick).filter(isOneOfMany(8)))
run('HTTP/2', [...ALL.filter(isQuick).filter(isOneOfMany(4)), ...ALL.filter(isSample).filter(isOneOfMany(3))])
run('TCP with directIO: false', [
  ...ALL.filter(isQuick).filter(isOneOfMany(4)), ...ALL.filter(isSample).filter(isOneOfMany(3))
])
run('TCP with contexts of zlib for each connection', ALL.filter(isSample))
