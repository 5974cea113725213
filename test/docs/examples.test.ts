// The code blocks of the documentation that are neither TypeScript nor JavaScript are read by what reads them.
// test/types/docs.test.ts type-checks the others, and test/docs/apps.test.ts runs whole applications.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { blocksOf, isCode, PAGES, type Block } from '../fixtures/docs.js'

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
