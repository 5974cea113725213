import t from 'tap'
import { SocketSet } from '../../lib/topics/socket-set.js'
import { createMemorySocket } from '../fixtures/memory.js'

const SOCKETS = Array.from({ length: 20 }, () => createMemorySocket().socket)

const SIZES = [1, 3, 20]

t.test('a set of sockets has those that were added and not deleted', async (t) => {
  for (const size of SIZES) {
    const set = new SocketSet()
    const sockets = SOCKETS.slice(0, size)
    t.equal(set.delete(sockets[0]!), false)
    for (const [i, socket] of sockets.entries()) {
      t.equal(set.has(socket), false)
      set.add(socket)
      t.equal(set.has(socket), true)
      t.equal(set.size, i + 1)
    }
    t.equal(set.delete(sockets[size >> 1]!), true)
    t.equal(set.delete(sockets[size >> 1]!), false)
    t.equal(set.size, size - 1)
    for (const socket of sockets) set.delete(socket)
    t.same([...set.lend()], [])
  }
})

t.test('sockets that leave during an iteration are not current, and all others are visited once', async (t) => {
  for (const size of SIZES) {
    for (const isOrdered of [true, false]) {
      const set = new SocketSet()
      const sockets = SOCKETS.slice(0, size)
      for (const socket of sockets) set.add(socket)
      const leaving = sockets.filter((_, i) => i % 3 !== 0)
      if (isOrdered) leaving.reverse()
      const visited: unknown[] = []
      const lent = set.lend()
      for (const socket of lent) {
        if (!set.isCurrent(lent, socket)) continue
        visited.push(socket)
        for (const each of leaving) set.delete(each)
      }
      t.strictSame(new Set(visited), new Set(sockets.filter((socket) => !leaving.includes(socket))))
      t.equal(visited.length, new Set(visited).size)
    }
  }
})

t.test('a socket that leaves and returns during an iteration is not visited again', async (t) => {
  for (const size of SIZES) {
    const set = new SocketSet()
    for (const socket of SOCKETS.slice(0, size)) set.add(socket)
    const visited: unknown[] = []
    const lent = set.lend()
    for (const socket of lent) {
      if (!set.isCurrent(lent, socket)) continue
      visited.push(socket)
      set.delete(socket)
      set.add(socket)
    }
    t.equal(visited.length, size)
    t.equal(set.size, size)
  }
})

t.test('a socket that joins during an iteration is in the set afterwards', async (t) => {
  const set = new SocketSet()
  for (const socket of SOCKETS.slice(0, 15)) set.add(socket)
  let visited = 0
  for (const socket of set.lend()) {
    if (socket === SOCKETS[0]) for (const each of SOCKETS.slice(15, 18)) set.add(each)
    visited++
  }
  t.equal(visited, 15)
  t.same(new Set(set.lend()), new Set(SOCKETS.slice(0, 18)))
})
