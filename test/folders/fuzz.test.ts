import { runFolder } from '../fixtures/folder.js'

await runFolder('fuzz')
