import { parseArgs } from 'node:util'
import { decoderCases } from './decoder.js'
import { encoderCases } from './encoder.js'
import { time } from './measure.js'
import { unmaskCases } from './unmask.js'

// npm run bench:micro -- [--window MS] [--only NAME]
const { values: { window, only } } = parseArgs({
  options: {
    window: { type: 'string', default: '50' },
    only: { type: 'string', default: '' }
  }
})

const row = (name: string, ...figures: string[]): string => name.padEnd(36) +
  figures.map((figure) => figure.padStart(12)).join('')

console.log(row('', 'ns median', 'ns min', 'GB/s'))
for (const item of [...unmaskCases, ...decoderCases, ...encoderCases]) {
  if (!item.name.includes(only)) continue
  const { median, min } = time(item, Number(window))
  console.log(row(item.name, median.toFixed(1), min.toFixed(1), (item.bytes / median).toFixed(2)))
}
