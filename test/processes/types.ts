// `npm run types` runs it, and not `npm test`: the compiler takes half a minute.
import { runProcess } from '../fixtures/process.js'

await runProcess(import.meta.url)
