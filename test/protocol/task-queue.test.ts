import t from 'tap'
import { TaskQueue } from '../../lib/protocol/task-queue.js'

const setUp = () => {
  const outbox = new TaskQueue()
  const seen: string[] = []
  return { outbox, seen, run: (name: string) => { outbox.run(() => { seen.push(name) }) } }
}

t.test('a task runs at once if nothing is held', async (t) => {
  const { outbox, seen, run } = setUp()
  t.equal(outbox.isHeld, false)
  run('a')
  t.same(seen, ['a'])
})

t.test('held tasks run in order when they are released', async (t) => {
  const { outbox, seen, run } = setUp()
  outbox.hold()
  t.equal(outbox.isHeld, true)
  for (const name of ['a', 'b', 'c']) run(name)
  t.same(seen, [])
  outbox.release()
  t.same(seen, ['a', 'b', 'c'])
  t.equal(outbox.isHeld, false)
})

t.test('a task that holds the queue again delays later tasks', async (t) => {
  const { outbox, seen, run } = setUp()
  outbox.hold()
  run('a')
  outbox.run(() => { outbox.hold() })
  run('b')
  outbox.release()
  t.same(seen, ['a'])
  t.equal(outbox.isHeld, true)
  run('c')
  outbox.release()
  t.same(seen, ['a', 'b', 'c'])
})

t.test('tasks added by a task run after those that already wait', async (t) => {
  const { outbox, seen, run } = setUp()
  outbox.hold()
  outbox.run(() => {
    t.equal(outbox.isHeld, true)
    run('c')
  })
  run('b')
  outbox.release()
  t.same(seen, ['b', 'c'])
})

t.test('many waiting tasks are cheap, and finished tasks are released', async (t) => {
  const { outbox, seen, run } = setUp()
  outbox.hold()
  const names = Array.from({ length: 1_000 }, (_, i) => String(i))
  for (const [i, name] of names.entries()) {
    run(name)
    if (i % 100 === 99) outbox.run(() => { outbox.hold() })
  }
  for (let released = 100; released <= 1_000; released += 100) {
    outbox.release()
    t.equal(seen.length, released)
  }
  outbox.release()
  t.same(seen, names)
  t.equal(outbox.isHeld, false)
})
