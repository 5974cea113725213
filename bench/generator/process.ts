import { answerQuestions, askBack } from '../child.js'
import { cpuTime, SEES_PROCESSES } from '../cpu.js'
import type { Row } from '../rows.js'
import type { Target } from './connection.js'
import { EchoLoad } from './echo.js'
import { FanoutLoad } from './fanout.js'
import { HandshakeLoad } from './handshakes.js'
import { Meter, type Timing } from './meter.js'

/** The argument of the process that makes the load. */
export interface Assignment {
  readonly row: Row
  /** The port and process id of the server. */
  readonly port: number
  readonly pid: number
}

const LOADS = { echo: EchoLoad, fanout: FanoutLoad, handshake: HandshakeLoad }

// With context takeover, the same message would not be compressed to the same bytes each time.
const OFFER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'

const { row, port, pid } = JSON.parse(process.argv[2] as string) as Assignment
const target: Target = {
  port, path: row.load === 'fanout' ? '/fanout' : '/echo', tls: row.tls, extensions: row.deflate ? OFFER : ''
}
const meter = new Meter(SEES_PROCESSES ? () => cpuTime(pid) : async () => Number(await askBack()))
const load = new LOADS[row.load](row, target, meter)

answerQuestions({
  open: async (count) => { await load.open(count as number) },
  check: async () => await load.check(),
  // One message of each connection.
  touch: async () => {
    load.start()
    await load.stop()
  },
  measure: async (timing) => await meter.measure(load, timing as Timing)
})
