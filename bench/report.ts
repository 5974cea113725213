import { cpus, loadavg } from 'node:os'
import { styleText } from 'node:util'
import type { Line, Spread } from './figures.js'

/** The figures as tables: CPU time of the server, and latencies. */
export function report (lines: readonly Line[]): string {
  const peers = peersOf(lines)
  const others = peers.filter((peer) => lines.some(({ ratios }) => peer in ratios))
  const costs = table(
    ['server CPU, µs per message', ...peers, ...others.map((peer) => `ours ÷ ${peer}`)],
    lines.map((line) => [
      line.title,
      ...peers.map((peer) => showValue(line, peer)),
      ...others.map((peer) => showRatio(line.ratios[peer]))
    ]))
  const latencies = table(
    ['latency, µs: p50 / p99', ...peers],
    lines.filter(({ p99 }) => Object.keys(p99).length > 0).map(({ title, p50, p99 }) => [
      title,
      ...peers.map((peer) => peer in p99 ? `${whole(p50[peer] as Spread)} / ${whole(p99[peer] as Spread)}` : '–')
    ]))
  return `${costs}\n\n${latencies}\n\nRatios are medians of interleaved rounds, with minimum and maximum.\n` +
    `The machine has ${cpus().length} cores and a load average of ${(loadavg()[0] as number).toFixed(1)}; ` +
    `the benchmark alone makes it 2.${remarks(lines)}`
}

export function peersOf (lines: readonly Line[]): string[] {
  return Array.from(new Set(lines.flatMap(({ values, notes }) => [...Object.keys(values), ...Object.keys(notes)])))
}

/** All measurements, for programs to read. */
export function toJson (lines: readonly Line[], form: { rounds: number, window: number }): string {
  const processors = cpus()
  const machine = {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    platform: process.platform,
    loadAverage: loadavg()[0],
    node: process.version
  }
  return JSON.stringify({ date: new Date().toISOString(), machine, ...form, lines }, null, 2) + '\n'
}

export function showFigure (value: number, unit: Line['unit']): string {
  if (unit === 'bytes') return Math.round(value).toLocaleString('en') + ' B'
  if (unit === 'part') return (100 * value).toFixed(1) + ' %'
  if (unit === 'times') return '× ' + value.toFixed(2)
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
}

function showValue ({ values, unit, notes }: Line, peer: string): string {
  const value = values[peer]
  if (value !== undefined) return showFigure(value.median, unit)
  const note = notes[peer]
  return note === undefined ? '–' : note.startsWith('failed') ? 'failed' : note
}

function showRatio (ratio: Spread | undefined): string {
  return ratio === undefined ? '–' : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`
}

function whole (spread: Spread): string {
  return Math.round(spread.median).toLocaleString('en')
}

function remarks (lines: readonly Line[]): string {
  const failures = lines.flatMap(({ title, notes }) => Object.entries(notes)
    .filter(([, note]) => note.startsWith('failed'))
    .map(([peer, note]) => `\n${peer}, ${title}: ${note}`))
  return failures.join('')
}

function table (heading: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const widths = heading.map((cell, i) => Math.max(cell.length, ...rows.map((row) => (row[i] as string).length)))
  const align = (row: readonly string[]): string =>
    row.map((cell, i) => i === 0
      ? cell.padEnd(widths[i] as number)
      : cell.padStart(widths[i] as number)).join('  ').trimEnd()
  const head = align(heading)
  return [process.stdout.isTTY ? styleText('bold', head) : head, ...rows.map(align)].join('\n')
}
