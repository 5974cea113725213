// All code blocks of the documentation: TypeScript and JavaScript are type-checked as they are printed, unless they are
// JavaScript that another test runs, and all else is read by what reads it.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { errorsOf, isCode } from '../fixtures/docs-program.js'
import { blocksOf, isApp, isTest, PAGES, type Block } from '../fixtures/docs.js'

const blocks = PAGES.flatMap(blocksOf)
const inLanguage = (name: string): Block[] => blocks.filter(({ language }) => language === name)

/** Those that test/docs/proxies.test.ts runs. */
const OF_PROXIES = ['nginx', 'haproxy', 'caddyfile']

t.test('every code block names a language that a test reads', async (t) => {
  t.ok(blocks.length > 80)
  const known = new Set(['sh', 'json', 'yaml', 'ini', 'text', ...OF_PROXIES])
  for (const block of blocks) {
    t.ok(isCode(block) || known.has(block.language), `${block.page}:${block.line} ${block.language}`)
  }
})

t.test('TypeScript and JavaScript have no errors', async (t) => {
  const isRun = (block: Block): boolean => block.language === 'js' && (isApp(block) || isTest(block))
  // TypeBox takes the compiler as long as all others together; test/docs/apps.test.ts runs its example.
  const isSlow = ({ code }: Block): boolean => process.env['CI'] !== 'true' && code.includes('TypeBoxTypeProvider')
  const wrong: Block = {
    page: 'wrong.md', line: 1, language: 'ts', code: "\napp.ws('/x', (socket) => { socket.sent(socket.nothing) })\n"
  }
  const errors = errorsOf([wrong, ...blocks.filter((block) => isCode(block) && !isRun(block) && !isSlow(block))])
  t.match(errors[0], /^wrong\.md:2 TS2339 .*nothing/, 'an error is found, and where it is')
  t.same(errors.slice(1), [], 'a name that a snippet may use and not declare stands in test/fixtures/docs-program.ts')
})

t.test('commands are those of a shell, and the scripts that they run exist', async (t) => {
  const { scripts } = JSON.parse(readFileSync(
    new URL('../../package.json', import.meta.url), 'utf8'
  )) as { scripts: Record<string, string> }
  for (const { page, line, code } of inLanguage('sh')) {
    t.doesNotThrow(() => execFileSync('bash', ['-n', '-c', code], { stdio: 'pipe' }), `${page}:${line}`)
    for (const [, name] of code.matchAll(/npm run ([\w:]+)/g)) t.ok(name! in scripts, `npm run ${name}`)
  }
})

t.test('JSON and YAML can be parsed', async (t) => {
  for (const { page, line, code } of inLanguage('json')) t.doesNotThrow(() => JSON.parse(code), `${page}:${line}`)
  for (const { page, line, code } of inLanguage('yaml')) {
    for (const document of parseAllDocuments(code)) t.same(document.errors, [], `${page}:${line}`)
  }
})

t.test('a unit of systemd has sections of settings', async (t) => {
  for (const { code } of inLanguage('ini')) {
    for (const line of code.trimEnd().split('\n')) t.match(line, /^(#.*|\[\w+\]|\w+=.+|)$/)
    for (const name of ['Unit', 'Service', 'Install']) t.match(code, `[${name}]`)
  }
})
