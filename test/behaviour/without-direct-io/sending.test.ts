import { runWithoutDirectIO } from '../../fixtures/without-direct-io.js'

await runWithoutDirectIO('sending')
