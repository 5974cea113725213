import { runFolder } from '../fixtures/folder.js'

await runFolder('codec')
