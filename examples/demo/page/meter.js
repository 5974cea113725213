/** Counts the messages that sockets receive, and shows how many a second. */
export function showRate (sockets, output, chart) {
  const seconds = new Array(60).fill(0)
  let count = 0
  for (const socket of sockets) socket.addEventListener('message', () => { count++ })
  setInterval(() => {
    seconds.shift()
    seconds.push(count)
    output.textContent = count
    const most = Math.max(60, ...seconds)
    chart.setAttribute('points', seconds.map((count, second) => `${second},${100 - count / most * 100}`).join(' '))
    count = 0
  }, 1000)
}
