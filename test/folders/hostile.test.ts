import { runFolder } from '../fixtures/folder.js'

await runFolder('hostile')
