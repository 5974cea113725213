import { runProcess } from '../fixtures/process.js'

await runProcess(import.meta.url)
