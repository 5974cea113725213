import t from 'tap'
import { addressOf, ConnectionLimits, createLimits, acquireConnection } from '../../lib/server/connection-limits.js'

const maxima = (maxConnections?: number, maxConnectionsPerAddress?: number) =>
  ({ maxConnections, maxConnectionsPerAddress })

t.test('a connection over the limit is refused until another one closes', async (t) => {
  const limits = createLimits(maxima(2))
  const [first] = [acquireConnection(limits, '192.0.2.1'), acquireConnection(limits, '192.0.2.2')]
  t.throws(() => acquireConnection(limits, '192.0.2.3'), {
    code: 'FST_WIRE_CONNECTIONS', statusCode: 503, headers: { 'retry-after': '10' }
  })
  first()
  acquireConnection(limits, '192.0.2.3')
  t.equal(limits[0]?.count, 2)
})

t.test('each address has its own limit', async (t) => {
  const limits = createLimits(maxima(undefined, 1))
  const leave = acquireConnection(limits, '192.0.2.1')
  acquireConnection(limits, '192.0.2.2')
  t.throws(() => acquireConnection(limits, '192.0.2.1'), {
    code: 'FST_WIRE_CONNECTIONS_ADDRESS', statusCode: 429, headers: { 'retry-after': '10' }
  })
  leave()
  acquireConnection(limits, '192.0.2.1')
})

t.test('a connection is counted by all limits or by none', async (t) => {
  const server = new ConnectionLimits(maxima(10))
  const route = new ConnectionLimits(maxima(1))
  const leave = acquireConnection([server, route], '192.0.2.1')
  t.throws(() => acquireConnection([server, route], '192.0.2.1'), { code: 'FST_WIRE_CONNECTIONS' })
  t.equal(server.count, 1)
  leave()
  t.same([server.count, route.count, server.countOf('192.0.2.1'), route.countOf('192.0.2.1')], [0, 0, 0, 0])
})

t.test('an address is counted down as it was counted up', async (t) => {
  const limits = new ConnectionLimits(maxima(undefined, 3))
  const leave = [acquireConnection([limits], '192.0.2.1'), acquireConnection([limits], '192.0.2.1')]
  t.equal(limits.countOf('192.0.2.1'), 2)
  leave[0]!()
  t.equal(limits.countOf('192.0.2.1'), 1)
})

t.test('an address without a connection is forgotten', async (t) => {
  const limits = new ConnectionLimits(maxima(undefined, 3))
  const leave = ['192.0.2.1', '192.0.2.1', '192.0.2.2'].map((address) => acquireConnection([limits], address))
  t.equal(limits.addresses, 2)
  leave.pop()!()
  t.equal(limits.addresses, 1)
  for (const one of leave) one()
  t.equal(limits.addresses, 0)
})

t.test('a connection without an address counts for the total only', async (t) => {
  const limits = createLimits(maxima(2, 1))
  const leave = [acquireConnection(limits, undefined), acquireConnection(limits, undefined)]
  t.throws(() => acquireConnection(limits, undefined), { code: 'FST_WIRE_CONNECTIONS' })
  for (const one of leave) one()
  t.equal(limits[0]?.count, 0)
})

t.test('nothing is counted without a limit', async (t) => {
  t.same(createLimits(maxima()), [])
})

t.test('IPv6 addresses with the same first 64 bits are one address', async (t) => {
  const cases: Array<[ip: string, address: string]> = [
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['2001:db8::5:6:7:8:9', '2001:db8:0:5::/64'],
    ['::', '0:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1:2:3::4', '1:2:3:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['what a proxy says', 'what a proxy says']
  ]
  for (const [ip, address] of cases) t.equal(addressOf(ip), address, ip)
})
