import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Line } from '../bench/figures.js'
import { decoderCases } from '../bench/micro/decoder.js'
import { encoderCases } from '../bench/micro/encoder.js'
import { time, type Case } from '../bench/micro/measure.js'
import { unmaskCases } from '../bench/micro/unmask.js'
import { pickPeers } from '../bench/peers.js'
import { allRows, pickRows } from '../bench/rows.js'
import { Sequence, lostOf, messageOf } from '../bench/soak/sequence.js'
import { TYPESCRIPT } from './fixtures/processes.js'

const SCRIPT = fileURLToPath(new URL('../bench/run.ts', import.meta.url))

// What a benchmark says of speed is no matter for a test: only that it says something.
const run = async (...options: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [...TYPESCRIPT, SCRIPT, ...options])).stdout

t.test('a benchmark row is measured against a peer: table, JSON and chart', async (t) => {
  const directory = t.testdir()
  const json = join(directory, 'figures.json')
  const svg = join(directory, 'chart.svg')
  const printed = await run(
    '--rows', 'echo-64x16', '--peers', 'ours,net', '--rounds', '2', '--window', '200', '--no-pin', '--json', json,
    '--svg', svg
  )

  const { lines } = JSON.parse(readFileSync(json, 'utf8')) as { lines: Line[] }
  t.equal(lines.length, 1)
  const { values, ratios, p99, notes } = lines[0] as Line
  t.same(notes, {})
  for (const spread of [values['ours'], values['net'], ratios['net'], p99['ours'], p99['net']]) {
    t.equal(spread?.rounds.length, 2)
    for (const figure of [spread?.median, spread?.min, spread?.max]) {
      t.ok(Number.isFinite(figure) && figure as number > 0)
    }
  }
  t.match(printed, /ours ÷ net\necho 64 B, 16 in flight +[\d.]+ +[\d.]+ +[\d.]+ \([\d.]+–[\d.]+\)\n/)
  t.match(readFileSync(svg, 'utf8'), /^<svg [^>]+>\n[^]+<rect class="peer-1"[^]+<\/svg>\n$/)
})

t.test('an unknown row or peer is named in the error', async (t) => {
  t.throws(() => pickRows(allRows(() => {}), ['echo', 'ecko']), {
    message: /There is no row "ecko"; there are echo-64, /
  })
  t.throws(() => pickPeers(['wss']), { message: /There is no peer "wss"; there are ours, ws, / })
})

t.test('decoder, encoder and unmask are timed', async (t) => {
  for (const cases of [decoderCases, encoderCases, unmaskCases]) {
    const { median, min } = time(cases[0] as Case, 1)
    t.ok(Number.isFinite(median) && median >= min && min > 0)
  }
})

t.test('the soak counts lost, doubled, reordered and damaged messages', async (t) => {
  const received = (...numbers: number[]): [Sequence, Array<string | undefined>] => {
    const sequence = new Sequence(7)
    return [sequence, numbers.map((number) => sequence.receive(messageOf(number, 7)))]
  }
  const none = { missing: 0, doubled: 0, reordered: 0, damaged: 0 }
  const [good, faults] = received(...Array.from({ length: 120 }, (_, i) => i + 1))
  t.ok(faults.every((fault) => fault === undefined))
  t.same(good.tally, { ...none, highest: 120 })
  t.equal(lostOf(good.tally, 120), 0)
  t.equal(lostOf(good.tally, 123), 3)
  const [bad, reasons] = received(1, 4, 3, 3, 5)
  t.same(reasons, [undefined, '4 behind 1', '3 behind 4', '3 behind 4', undefined])
  t.same(bad.tally, { highest: 5, missing: 1, doubled: 1, reordered: 1, damaged: 0 })
  t.equal(lostOf(bad.tally, 5), 1)
  t.match(bad.receive(`${messageOf(6, 7)}x`), /damaged/)
  t.match(bad.receive('?'), /damaged/)
  t.equal(bad.tally.damaged, 2)
  t.ok(messageOf(93, 7).length > 65_536)
})
