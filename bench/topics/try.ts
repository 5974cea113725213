import { measureFanOut, measureSubscriptions } from './local.js'
console.log(await measureFanOut(10_000, 20, 5))
console.log(await measureSubscriptions())
