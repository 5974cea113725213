// TypeScript and JavaScript of the documentation, as it is printed, unless it is JavaScript that another test runs.
import t from 'tap'
import { errorsOf } from '../fixtures/docs-program.js'
import { blocksOf, isApp, isCode, isTest, PAGES, type Block } from '../fixtures/docs.js'

t.test('the TypeScript and JavaScript of the documentation have no errors', async (t) => {
  const isRun = (block: Block): boolean => block.language === 'js' && (isApp(block) || isTest(block))
  // TypeBox takes the compiler as long as all others together; test/docs/apps.test.ts runs its example.
  const isSlow = ({ code }: Block): boolean => process.env['CI'] !== 'true' && code.includes('TypeBoxTypeProvider')
  const checked = PAGES.flatMap(blocksOf).filter((block) => isCode(block) && !isRun(block) && !isSlow(block))
  t.ok(checked.length > 50, `${checked.length} blocks`)
  const wrong: Block = {
    page: 'wrong.md', line: 1, language: 'ts', code: "\napp.ws('/x', (socket) => { socket.sent(socket.nothing) })\n"
  }
  const errors = errorsOf([wrong, ...checked])
  t.match(errors[0], /^wrong\.md:2 TS2339 .*nothing/, 'an error is found, and where it is')
  t.same(errors.slice(1), [], 'a name that a snippet may use and not declare stands in test/fixtures/docs-program.ts')
})
