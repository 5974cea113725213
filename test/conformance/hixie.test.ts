import t from 'tap'
import { CARRIERS, type CarrierName } from './carriers.js'
import { HIXIE, overTls } from './hixie.js'
import { judgeHixie } from './hixie-judge.js'

const run = (name: CarrierName): void => {
  t.test(`${HIXIE.length} conversations of hixie-75 and hixie-76 hold over ${name}`, async (t) => {
    const { connect } = await CARRIERS[name](t)
    const failed: string[] = []
    for (const one of HIXIE) {
      const fault = await judgeHixie(await connect!(), name === 'TLS' ? overTls(one) : one)
      if (fault !== undefined) failed.push(`${one.id} ${one.description}: ${fault}`)
    }
    t.same(failed, [])
  })
}

run('TCP')
run('TCP with directIO: false')
run('TLS')
