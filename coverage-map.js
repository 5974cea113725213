// Each test file answers for the module it mirrors; whole conversations and other people's clients answer for none.
import { existsSync } from 'node:fs'

export default (test) => {
  const module = test.replace(/\\/g, '/').replace(/^test\//, 'lib/').replace(/\.test\.ts$/, '.ts')
  return existsSync(module) ? [module] : []
}
