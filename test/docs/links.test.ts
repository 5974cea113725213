// Every link of the documentation leads somewhere, also where only the package is.
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { PAGES, readPage } from '../fixtures/docs.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

const withoutCode = (page: string): string => readPage(page).replace(/^```[^]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')

const linksOf = (page: string): string[] => Array.from(
  withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target!
)

/**
 * As GitHub and npm name them: in small letters, without signs, blanks as hyphens, a number behind the second of a
 * name.
 */
function anchorsOf (page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading] of readPage(page).replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)) {
    const slug = heading!.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(
      /[^\p{L}\p{N}_ -]/gu, ''
    ).replaceAll(' ', '-')
    let anchor = slug
    for (let i = 1; anchors.has(anchor); i++) anchor = `${slug}-${i}`
    anchors.add(anchor)
  }
  return anchors
}

const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] }
const packed = files.map((glob) => new RegExp(`^${glob.replace(/[.+]/g, '\\$&').replaceAll('*', '[^/]*')}$`))
const isPacked = (path: string): boolean => path === 'README.md' || path === 'LICENSE' ||
  packed.some((glob) => glob.test(path))

t.test('relative links lead to files of the package, and to headings that exist', async (t) => {
  let count = 0
  for (const page of PAGES) {
    for (const link of linksOf(page)) {
      if (/^https?:/.test(link)) continue
      count++
      const [path, anchor] = link.split('#') as [string, string?]
      const target = path === '' ? page : posix.join(posix.dirname(page), path)
      t.ok(isPacked(target), `${page}: ${link} is in the package`)
      if (!existsSync(join(ROOT, target))) t.fail(`${page}: ${link} exists`)
      else if (anchor !== undefined) t.ok(anchorsOf(target).has(anchor), `${page}: ${link} has this heading`)
    }
  }
  t.ok(count > 100)
})

t.test('the README links to every page of docs/', async (t) => {
  const links = linksOf('README.md').map((link) => link.split('#')[0])
  for (const page of PAGES.filter((name) => name !== 'README.md')) t.ok(links.includes(page), page)
})

t.test('the README has less than 160 lines', async (t) => {
  t.ok(readPage('README.md').split('\n').length < 160)
})
