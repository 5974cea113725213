// `npm run conformance`: every case of the catalogue over every carrier, and the conversations of the hixie drafts.
import { parseArgs } from 'node:util'
import { CARRIERS, type CarrierName } from './carriers.js'
import { catalogue, sectionOf, SECTIONS } from './catalogue.js'
import { MESSAGES } from './compression.js'
import { HIXIE, overTls } from './hixie.js'
import { judgeHixie } from './hixie-judge.js'
import { judge } from './judge.js'

const USAGE = `Usage: npm run conformance -- [--carrier NAME] [--section N] [--messages N]

  --carrier   ${Object.keys(CARRIERS).join(', ')}; all of them by default
  --section   one section of the catalogue, or "hixie"; all of them by default
  --messages  the number of messages of each case of sections 12 and 13; ${MESSAGES} by default, as in the catalogue
`

const { values } = parseArgs({
  options: {
    carrier: { type: 'string' },
    section: { type: 'string' },
    messages: { type: 'string', default: String(MESSAGES) },
    help: { type: 'boolean', default: false }
  }
})
const messages = Number(values.messages)
const names = Object.keys(CARRIERS).filter((name) => values.carrier === undefined ||
  name === values.carrier) as CarrierName[]
if (values.help || names.length === 0 || !Number.isInteger(messages) || messages < 1) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}

const isChosen = (section: string): boolean => values.section === undefined || values.section === section

interface Tally { ok: number, failed: number, informational: number }

const total: Tally = { ok: 0, failed: 0, informational: 0 }

function report (title: string, { ok, failed, informational }: Tally, since: number): void {
  total.ok += ok
  total.failed += failed
  total.informational += informational
  const counts = [
    `${ok} OK`, `${failed} failed`, ...(informational > 0 ? [`${informational} informational`] : [])
  ].join(', ')
  console.log(`  ${title.padEnd(46)} ${counts}  (${((performance.now() - since) / 1_000).toFixed(1)} s)`)
}

for (const name of names) {
  console.log(name)
  const finish: Array<() => unknown> = []
  const carrier = await CARRIERS[name]({ teardown: (task) => { finish.push(task as () => unknown) } })
  for (const [section, title] of SECTIONS) {
    // Only the cases of sections 12 and 13 compress.
    if (!isChosen(String(section)) || (name.includes('zlib') && section < 12)) continue
    const since = performance.now()
    const tally: Tally = { ok: 0, failed: 0, informational: 0 }
    for (const one of catalogue(messages).filter((one) => sectionOf(one) === section)) {
      const fault = await judge(carrier, one)
      if (fault !== undefined) {
        tally.failed++
        console.log(`  ${one.id} FAILED: ${one.description} (${one.rfc}): ${fault}`)
      } else if (one.isInformational === true) {
        tally.informational++
      } else {
        tally.ok++
      }
    }
    report(`${section} ${title}`, tally, since)
  }
  if (carrier.connect !== undefined && isChosen('hixie') && !name.includes('zlib')) {
    const since = performance.now()
    const tally: Tally = { ok: 0, failed: 0, informational: 0 }
    for (const one of HIXIE) {
      const fault = await judgeHixie(await carrier.connect(), name === 'TLS' ? overTls(one) : one)
      if (fault === undefined) {
        tally.ok++
      } else {
        tally.failed++
        console.log(`  ${one.id} FAILED: ${one.description} (${one.draft}): ${fault}`)
      }
    }
    report('hixie-75 and hixie-76', tally, since)
  }
  for (const task of finish.reverse()) await task()
}

console.log(`${total.ok} OK, ${total.failed} failed, ${total.informational} informational`)
process.exitCode = total.failed > 0 || total.ok === 0 ? 1 : 0
