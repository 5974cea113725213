import { follow } from './follow.js'

/** The slider of a room: all windows show its last move. */
export function showSlider (url, input, output) {
  let pending // the last move of this window, until it comes back
  let isWaiting = false

  const show = (value) => {
    input.value = value
    output.textContent = value
  }

  const socket = follow(url, {
    show: ({ value }) => show(value),
    apply ({ value, move }) {
      // What arrives before our own last move is older than it.
      if (pending === undefined) show(value)
      else if (move === pending) pending = undefined
    }
  })
  // A move that left on a connection that then broke may be lost.
  socket.onreconnecting = () => { pending = undefined }

  input.addEventListener('input', () => {
    show(input.value)
    if (isWaiting) return
    isWaiting = true
    requestAnimationFrame(() => {
      isWaiting = false
      pending = Math.random().toString(36).slice(2)
      socket.send(JSON.stringify({ value: input.valueAsNumber, move: pending }))
    })
  })
  return socket
}
