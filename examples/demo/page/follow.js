import { LiveSocket } from '/client.mjs'

/**
 * Shows a resource: GET says what it is now, the socket at the same URL what happens to it from then on.
 * Where messages are gone (`gap`), the resource is read again.
 */
export function follow (url, { show, apply }) {
  const socket = new LiveSocket(url, [], { maxBackoff: 2000 })
  let isShown = false
  let early = [] // messages that arrive while the resource is read

  async function read () {
    const mine = early = []
    isShown = false
    const { cursor, ...state } = await (await fetch(url)).json()
    if (mine !== early) return // a later gap has begun another read
    show(state)
    isShown = true
    // The state contains the messages up to its cursor.
    const known = early.findIndex((message) => message.cursor === cursor)
    for (const { data } of early.slice(known + 1)) apply(JSON.parse(data))
  }

  // A read that fails is repeated with the next connection.
  const tryToRead = () => read().catch(() => {})

  socket.onmessage = (message) => {
    if (isShown) apply(JSON.parse(message.data))
    else early.push(message)
  }
  socket.onsubscribed = () => { if (!isShown) tryToRead() }
  socket.ongap = tryToRead
  return socket
}
