import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import * as errors from '../../lib/errors.js'

const FILE = join(fileURLToPath(new URL('../..', import.meta.url)), 'lib/error-code.ts')

type AnyError = new (...words: string[]) => Error & { code: string }

t.test('the type ErrorCode contains the code of every error', async (t) => {
  const codes = (Object.values(errors) as unknown as AnyError[]).map((Constructor) => new Constructor('a', 'b', 'c').code)
  const program = ts.createProgram([FILE], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    types: ['node'],
    strict: true,
    skipLibCheck: true,
    noEmit: true
  })
  const checker = program.getTypeChecker()
  const file = program.getSourceFile(FILE) as ts.SourceFile
  const [symbol] = checker.getExportsOfModule(checker.getSymbolAtLocation(file) as ts.Symbol)
  const { types } = checker.getDeclaredTypeOfSymbol(symbol as ts.Symbol) as ts.UnionType
  t.same(types.map((type) => (type as ts.StringLiteralType).value).sort(), codes.sort())
})
