// The pages of the examples in one Chromium, on servers that are started by the commands that the docs print.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import { LiveSocket } from '../../client/live-socket.mjs'
import { createApp, listen } from '../fixtures/app.js'
import { openPage as openPageOf, PATIENTLY, withoutChromium } from '../fixtures/chromium.js'
import { installExample, Program } from '../fixtures/examples.js'
import { freePort } from '../fixtures/local-server.js'
import { redisProgram, startRedis } from '../fixtures/redis-server.js'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

if (redisProgram === null && process.env['CI'] === 'true') {
  throw new Error('There is no redis-server: apt-get install redis-server')
}

const inChromium = { skip: withoutChromium }
const withRedis = { skip: redisProgram === null && 'no redis-server: apt-get install redis-server' }

const openPage = async (t: Test, url: string, options: object = {}): Promise<Page> => {
  const page = await openPageOf(t, 'about:blank', options)
  page.on('pageerror', (error) => { t.fail(String(error)) })
  await page.goto(url)
  return page
}

const startDemo = async (t: Test, settings: string): Promise<{ demo: Program, url: string }> => {
  const directory = t.testdir()
  await installExample(directory, 'demo')
  const { scripts } = JSON.parse(read('package.json')) as { scripts: { start: string } }
  const demo = new Program(directory, `${settings} ${scripts.start.replace('exec ', '')}`)
  t.teardown(() => demo.end('SIGTERM'))
  return { demo, url: await demo.start(/http:\S+/) }
}

const countOf = (page: Page, selector: string, count: number) =>
  page.waitForFunction(
    ([selector, count]) => document.querySelectorAll(selector).length === count, [selector, count] as const, PATIENTLY
  )

const textOf = (page: Page, selector: string, text: RegExp) =>
  page.waitForFunction(([selector, text]) => new RegExp(text).test(document.querySelector(selector)!.textContent ??
    ''), [selector, text.source] as const, PATIENTLY)

/** Waits until something is drawn on the board of a page, or nothing is. */
const isDrawn = (page: Page, expected: boolean) => page.waitForFunction((expected) => {
  const canvas = document.querySelector('canvas')!
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
  return data.some((byte) => byte !== 0) === expected
}, expected, PATIENTLY)

const draw = async (page: Page): Promise<void> => {
  const { x, y } = (await page.locator('canvas').boundingBox())!
  await page.mouse.move(x + 20, y + 20)
  await page.mouse.down()
  await page.mouse.move(x + 100, y + 60)
  await page.mouse.move(x + 150, y + 20)
  await page.mouse.up()
}

const drawByTouch = async (page: Page): Promise<void> => {
  await page.locator('canvas').scrollIntoViewIfNeeded()
  const { x, y } = (await page.locator('canvas').boundingBox())!
  const session = await page.context().newCDPSession(page)
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...touchPoints: Array<{ x: number, y: number }>) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints })
  await touch('touchStart', { x: x + 20, y: y + 20 })
  await touch('touchMove', { x: x + 20, y: y + 120 })
  await touch('touchMove', { x: x + 120, y: y + 120 })
  await touch('touchEnd')
}

t.test('the pages of the examples', inChromium, async (t) => {
  await t.test('the demo shows the events of one window in the others', async (t) => {
    const { demo, url } = await startDemo(t, 'PORT=0')
    const wide = await openPage(t, url, { viewport: { width: 1400, height: 900 } })
    const phone = await openPage(t, url, { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true })
    // The wide one has a second window in it.
    await countOf(wide, '#people li', 3)
    await countOf(phone, '#people li', 3)
    t.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 390, 'the phone need not scroll sideways')

    await draw(wide)
    await isDrawn(phone, true)
    await countOf(phone, '.cursor', 1)
    await textOf(phone, '.cursor', /\w/)
    await phone.locator('#slider').fill('80')
    await textOf(wide, '#value', /^80$/)
    await fetch(`${url}/rooms/lobby/slider`, {
      method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"value":7}'
    })
    await Promise.all([wide, phone].map((page) => textOf(page, '#value', /^7$/)))
    t.match(await (await fetch(`${url}/rooms/lobby/slider`)).json(), { value: 7 })
    t.same(
      (await (await fetch(`${url}/rooms/another/board`)).json() as { lines: object[] }).lines, [],
      'another room has a board of its own'
    )
    for (const link of await wide.locator('a').evaluateAll((links) =>
      links.map((link) => (link as HTMLAnchorElement).href))) {
      t.equal((await fetch(link)).status, 200, link)
    }

    await wide.locator('#kill').click()
    await textOf(wide, '#state', /^Disconnected/)
    await textOf(phone, '#state', /^Disconnected/)
    await Promise.all([wide, phone].map((page) => textOf(
      page, '#news', /reported a gap, and this window shows what GET says/
    )))
    await Promise.all([wide, phone].map((page) => isDrawn(page, false)))
    await drawByTouch(phone)
    await isDrawn(wide, true)
    t.equal(await demo.end('SIGTERM'), 0)
  })

  await t.test('windows of the demo catch up after a crash of their server', withRedis, async (t) => {
    const redis = await startRedis()
    t.teardown(() => redis.stop())
    const narrow = { viewport: { width: 700, height: 900 } }
    const { demo, url } = await startDemo(t, `PORT=0 REDIS_URL=${redis.url}`)
    const [one, other] = [await openPage(t, url, narrow), await openPage(t, url, narrow)]
    await countOf(other, '#people li', 2)
    await draw(one)
    await isDrawn(other, true)
    await one.locator('#kill').click()
    await textOf(one, '#state', /^Disconnected/)
    await one.locator('#slider').fill('33')
    await Promise.all([one, other].map((page) => textOf(
      page, '#news', /LiveSocket resumed after the last message it had/
    )))
    await Promise.all([one, other].map((page) => textOf(page, '#value', /^33$/)))
    await isDrawn(other, true)
    t.equal(await demo.end('SIGTERM'), 0)
  })

  await t.test('chat pages on two processes receive all messages when these or Redis crash', withRedis, async (t) => {
    const directory = t.testdir()
    await installExample(directory, 'chat')
    let block = /```sh\n(redis-server[^]*?)```/.exec(read('docs/scaling.md'))![1]!
    const [a, b] = [await freePort(), await freePort()]
    for (const [printed, free] of [[6379, await freePort()], [3001, a], [3002, b]] as const) {
      block = block.replaceAll(String(printed), String(free))
    }
    const programs = block.trim().split('\n').map((line) => new Program(directory, line))
    t.equal(programs.length, 3, 'three commands')
    t.teardown(() => Promise.all(programs.map((program) => program.end('SIGKILL'))))
    const ready = [/Ready to accept connections/, /Server listening/, /Server listening/]
    for (const [i, program] of programs.entries()) await program.start(ready[i]!)

    const rooms = `127.0.0.1:${a}/rooms/lobby`
    t.equal((await fetch(`http://${rooms}`)).status, 401, 'who has not logged in cannot read a room')
    await t.rejects(once(new WebSocket(`ws://${rooms}`), 'open'), { message: /401/ }, 'nor follow it')

    const pages = [await openPage(t, `http://127.0.0.1:${a}`), await openPage(t, `http://127.0.0.1:${b}`)] as const
    for (const [page, name] of [[pages[0], 'ann'], [pages[1], 'bob']] as const) {
      await page.locator('#name').fill(name)
      await page.locator('#name').press('Enter')
      await textOf(page, '#members', new RegExp(name))
      t.notOk(await page.locator('#login').isVisible())
    }
    await Promise.all(pages.map((page) => textOf(page, '#members', /^(ann, bob|bob, ann)$/)))

    const said: string[] = []
    const say = async (page: Page, text: string): Promise<void> => {
      await page.locator('#text').fill(text)
      await page.locator('#text').press('Enter')
      said.push(`${page === pages[0] ? 'ann' : 'bob'}: ${text}`)
    }
    const list = (page: Page) => page.locator('#messages li:not(.unsent)').allTextContents()
    const complete = async (): Promise<void> => {
      await Promise.all(pages.map(async (page) => {
        await countOf(page, '#messages li:not(.unsent)', said.length)
        await countOf(page, '.unsent', 0)
      }))
    }
    await say(pages[0], 'hello')
    await say(pages[1], 'hello to you')
    await complete()
    // A page that reads the room again after a gap makes its list anew.
    for (const page of pages) {
      await page.evaluate(() => { document.querySelector('#messages li')!.classList.add('first') })
    }

    const [redis, ...servers] = programs as [Program, Program, Program]
    for (const [i, server] of servers.entries()) {
      await server.end('SIGKILL')
      await textOf(pages[i]!, '#state', /^Disconnected$/)
      await say(pages[i]!, `typed while process ${i} is away`)
      await say(pages[1 - i]!, `said while process ${i} is away`)
      await server.start(ready[1]!)
      await complete()
    }
    await redis.end('SIGKILL')
    for (const page of pages) await say(page, 'said while Redis is away')
    await countOf(pages[0], '.unsent', 1)
    await redis.start(ready[0]!)
    await complete()

    const [ann, bob] = await Promise.all(pages.map(list))
    t.same(ann, bob, 'in the same order')
    t.same([...ann!].sort(), [...said].sort(), 'each once')
    for (const page of pages) t.equal(await page.locator('.first').count(), 1, 'no gap')
    await Promise.all(pages.map((page) => textOf(page, '#members', /^(ann, bob|bob, ann)$/)))
    for (const server of servers) t.equal(await server.end('SIGTERM'), 0)
  })
})

t.test('the ten lines that the demo shows are sufficient', async (t) => {
  const [server, page] = ['server', 'page'].map((name) => {
    const text = new RegExp(`<pre id="code-${name}">([^]*?)</pre>`).exec(read('examples/demo/page/index.html'))![1]!
    t.equal(text.split('\n').length, 5)
    return text.replaceAll('&gt;', '>').replace(/^import .*$/m, '')
  }) as [string, string]
  const app = await createApp(t)
  const Move = { type: 'object', properties: { value: { type: 'integer' } } }
  // eslint-disable-next-line no-new-func -- the code stands in a page
  new Function('app', 'Move', 'readSlider', server)(app, Move, async () => ({ value: 50 }))
  const origin = `http://127.0.0.1:${await listen(app)}`
  t.same(await (await fetch(`${origin}/slider`)).json(), { value: 50 })
  class NodeSocket extends LiveSocket {
    constructor (url: string) {
      super(new URL(url, origin), [], { WebSocket: WebSocket as never })
      t.teardown(() => { this.close() })
      sockets.push(this)
    }
  }
  const sockets: LiveSocket[] = []
  const moved: Array<Promise<number>> = []
  const sliders = [0, 1].map(() => {
    const slider = {
      valueAsNumber: 50, oninput: () => {}, get value () { return 50 }, set value (value) { resolve(value) }
    }
    let resolve: (value: number) => void
    moved.push(new Promise((_resolve) => { resolve = _resolve }))
    // eslint-disable-next-line no-new-func -- as above
    new Function('LiveSocket', 'slider', page)(NodeSocket, slider)
    return slider
  })
  await Promise.all(sockets.map((socket) => once(socket as unknown as EventTarget, 'subscribed')))
  sliders[0]!.valueAsNumber = 80
  sliders[0]!.oninput()
  t.same(await Promise.all(moved), [80, 80])
})

t.test('the chat is less than 150 lines', async (t) => {
  const lines = ['server.ts', 'page.html'].map((name) => read(`examples/chat/${name}`).trimEnd().split('\n').length)
  t.ok(lines.reduce((sum, count) => sum + count) < 150)
})
