import { LiveSocket } from '/client.mjs'
import { hueOf } from './person.js'

/** Who is in the room, and where they point: presence, and messages that nobody needs later. */
export function showCursors (url, board, list, me) {
  const socket = new LiveSocket(`${url}?${new URLSearchParams({ id: me.id, name: me.name })}`, [], { maxBackoff: 2000 })
  const members = new Map()
  const cursors = new Map()
  let latest // where this window points; undefined when that was sent

  const label = (member) => {
    const item = document.createElement('li')
    item.textContent = member.name + (member.id === me.id ? ' (you)' : '')
    item.style.setProperty('--hue', hueOf(member.id))
    return item
  }
  const showMembers = () => {
    list.replaceChildren(...[...members.values()].map(label))
    for (const [id, cursor] of cursors) {
      if (members.has(id)) continue
      cursor.remove()
      cursors.delete(id)
    }
  }
  const cursorOf = (id) => {
    const known = cursors.get(id)
    if (known !== undefined) return known
    const cursor = document.createElement('div')
    cursor.className = 'cursor'
    cursor.style.setProperty('--hue', hueOf(id))
    cursor.textContent = members.get(id)?.name ?? ''
    board.append(cursor)
    cursors.set(id, cursor)
    return cursor
  }

  socket.onsubscribed = (event) => {
    members.clear()
    for (const member of event.members ?? []) members.set(member.id, member)
    showMembers()
  }
  socket.onjoin = ({ member }) => { members.set(member.id, member); showMembers() }
  socket.onleave = ({ member }) => { members.delete(member.id); showMembers() }
  socket.onmessage = ({ data }) => {
    const { id, x, y } = JSON.parse(data)
    const { style } = cursorOf(id)
    style.left = `${x * 100}%`
    style.top = `${y * 100}%`
  }

  board.addEventListener('pointermove', ({ clientX, clientY }) => {
    const { left, top, width, height } = board.getBoundingClientRect()
    const isWaiting = latest !== undefined
    latest = { x: (clientX - left) / width, y: (clientY - top) / height }
    if (isWaiting) return
    requestAnimationFrame(() => {
      // Where somebody pointed while offline is of no interest later: it does not wait in the queue.
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(latest))
      latest = undefined
    })
  })
  return socket
}
