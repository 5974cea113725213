import type { Line } from './figures.js'
import { peersOf, showFigure } from './report.js'

const WIDTH = 760
const MARGIN = 12
const LEFT = 262
const BAR = 11
const GAP = 3
const GROUP_GAP = 14
const TOP = 88
// Leaves room for the figure after the longest bar.
const LONGEST = WIDTH - LEFT - 90

// Legible on white and on dark grey. The bars of fastify-wire stand out.
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .faint { fill: #59636e }
  .figure { font-size: 11px }
  .peer-0 { fill: #0969da } .peer-1 { fill: #6e7781 } .peer-2 { fill: #afb8c1 } .peer-3 { fill: #d4a72c } .peer-4 { fill: #2da44e }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .peer-0 { fill: #58a6ff } .peer-1 { fill: #8b949e } .peer-2 { fill: #57606a } .peer-3 { fill: #bb8009 } .peer-4 { fill: #3fb950 }
  }`

/** Draws the figures as bars, a group for each line. The longest bar of a group is the peer with the highest cost. */
export function drawChart (lines: readonly Line[], title: string): string {
  const drawn = lines.filter(({ unit, values }) => (unit === 'µs' || unit === 'bytes') &&
    Object.keys(values).length > 1)
  const peers = peersOf(drawn)
  const parts: string[] = [
    `<text class="title" x="${MARGIN}" y="24">${escape(title)}</text>`,
    `<text class="faint" x="${MARGIN}" y="44">CPU time of the server, in microseconds per message, or bytes where given. Shorter is better.</text>`,
    legend(peers)
  ]
  let y = TOP
  for (const line of drawn) {
    const shown = peers.filter((peer) => peer in line.values)
    const height = shown.length * (BAR + GAP) - GAP
    parts.push(`<text x="${LEFT - 10}" y="${y + height / 2 + 4}" text-anchor="end">${escape(line.title)}</text>`)
    const most = Math.max(...shown.map((peer) => line.values[peer]?.median ?? 0))
    for (const peer of shown) {
      const value = line.values[peer]?.median ?? 0
      const length = Math.max(1, LONGEST * value / most)
      const figure = showFigure(value, line.unit) + (line.unit === 'µs' ? ' µs' : '')
      parts.push(
        `<rect class="peer-${peers.indexOf(peer)}" x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>`,
        `<text class="faint figure" x="${(LEFT + length + 6).toFixed(1)}" y="${y + BAR - 1}">${figure}</text>`)
      y += BAR + GAP
    }
    y += GROUP_GAP
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="${escape(title)}">\n` +
    `<style>${STYLE}\n</style>\n${parts.join('\n')}\n</svg>\n`
}

/** Readers of the chart do not know which project 'ours' is. */
function publicName (peer: string): string {
  return peer === 'net' ? 'net, raw sockets without a protocol' : peer.replace(/^ours/, 'fastify-wire')
}

function legend (peers: readonly string[]): string {
  let x = MARGIN
  return peers.map(publicName).map((name, i) => {
    const at = x
    // The width of the text is unknown: seven pixels per letter are enough.
    x += 40 + 7 * name.length
    return `<rect class="peer-${i}" x="${at}" y="58" width="${BAR}" height="${BAR}" rx="2"/><text x="${at + BAR + 6}" y="68">${escape(name)}</text>`
  }).join('\n')
}

function escape (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
