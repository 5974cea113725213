import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import t from 'tap'
import { buildDemo } from '../../examples/demo/app.js'
import { listen } from '../fixtures/app.js'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const isMissing = !existsSync(executablePath)

if (isMissing && process.env['CI'] === 'true') throw new Error(`There is no Chromium at ${executablePath}: apt-get install chromium`)

t.test('two pages of the demo stay in sync', { skip: isMissing && 'no Chromium: apt-get install chromium, or set CHROMIUM' }, async (t) => {
  const app = await buildDemo()
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  })
  t.teardown(async () => {
    await browser.close()
    await app.close()
  })
  const port = await listen(app)
  const pages = await Promise.all([browser.newPage(), browser.newPage()])
  for (const page of pages) {
    await page.goto(`http://127.0.0.1:${port}/`)
    await page.waitForFunction(() => document.body.innerText.includes('13'))
  }
  const [first, second] = pages as [typeof pages[0], typeof pages[0]]
  const slider = first.locator('input[type=range]')
  await slider.focus()
  await slider.press('End')
  const value = await slider.inputValue()
  await second.waitForFunction((expected) => document.querySelector<HTMLInputElement>('input[type=range]')?.value === expected, value)
  const resource = await (await fetch(`http://127.0.0.1:${port}/slider`)).json() as { value: number, followers: unknown[] }
  t.equal(String(resource.value), value)
  t.equal(resource.followers.length, 2)
})
