import { follow } from './follow.js'

/** The board of a room: what is drawn here is drawn in all windows. */
export function showBoard (url, canvas, clear, me) {
  const context = canvas.getContext('2d')
  const strokes = new Map() // pointer → its points that were not sent yet
  let isWaiting = false

  const draw = ({ hue, points }) => {
    context.strokeStyle = `hsl(${hue} 70% 50%)`
    context.lineWidth = 6
    context.lineCap = context.lineJoin = 'round'
    context.beginPath()
    for (let i = 0; i < points.length; i += 2) {
      context.lineTo(points[i] / 1000 * canvas.width, points[i + 1] / 1000 * canvas.height)
    }
    context.stroke()
  }
  const wipe = () => context.clearRect(0, 0, canvas.width, canvas.height)

  const socket = follow(url, {
    show ({ lines }) {
      wipe()
      lines.forEach(draw)
    },
    apply: (change) => change.type === 'clear' ? wipe() : draw(change)
  })

  const send = () => {
    isWaiting = false
    for (const [pointer, points] of strokes) {
      if (points.length < 4) continue
      const line = { type: 'line', hue: me.hue, points: points.slice(0, 100) }
      draw(line) // at once; it is drawn a second time when it comes back, in its place among the others
      socket.send(JSON.stringify(line))
      strokes.set(pointer, points.slice(-2))
    }
  }
  const place = ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect()
    const within = (part) => Math.round(Math.min(1, Math.max(0, part)) * 1000)
    return [within((clientX - left) / width), within((clientY - top) / height)]
  }

  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId)
    strokes.set(event.pointerId, place(event))
  })
  canvas.addEventListener('pointermove', (event) => {
    const points = strokes.get(event.pointerId)
    if (points === undefined) return
    points.push(...place(event))
    if (isWaiting) return
    isWaiting = true
    requestAnimationFrame(send)
  })
  const end = ({ pointerId }) => {
    send()
    strokes.delete(pointerId)
  }
  canvas.addEventListener('pointerup', end)
  canvas.addEventListener('pointercancel', end)
  clear.addEventListener('click', () => socket.send(JSON.stringify({ type: 'clear' })))
  return socket
}
