/** Says what becomes of the connection: lost, resumed, or resumed with a gap. */
export function showLife (socket, { state, news, server, kill }) {
  let lostAt
  let missed = 0

  const show = (name, text) => {
    state.dataset.state = name
    state.textContent = text
  }
  const say = (text) => { news.textContent = text }

  socket.addEventListener('reconnecting', ({ delay }) => {
    lostAt ??= performance.now()
    show('waiting', `Disconnected, trying again in ${(delay / 1000).toFixed(1)} s`)
    say('Draw on: what is sent meanwhile waits in this window.')
  })
  socket.addEventListener('message', () => { missed++ })
  socket.addEventListener('subscribed', async ({ isGap }) => {
    show('open', 'Connected')
    const away = lostAt && `Back after ${((performance.now() - lostAt) / 1000).toFixed(1)} s. `
    lostAt = undefined
    missed = 0
    const { pid, engine } = await (await fetch('/server')).json()
    server.textContent = `process ${pid}, topics in ${engine === 'redis' ? 'Redis' : 'its own memory'}`
    if (away === undefined) return
    if (!isGap) {
      say(
      `${away}LiveSocket resumed after the last message it had: ${missed} messages came since, and none is missing.`
      )
    } else if (engine === 'redis') {
      say(
      `${away}Redis has lost the history: LiveSocket reported a gap, and this window shows what GET says now.`
      )
    } else {
      say(
      `${away}The history was in the memory of the killed process: LiveSocket reported a gap, and this window shows what GET says now. With REDIS_URL=redis://127.0.0.1:6379 nothing is lost.`
      )
    }
  })
  socket.addEventListener('close', ({ code, reason }) => { show('waiting', `Closed: ${code} ${reason}`) })

  kill.addEventListener('click', () => { fetch('/server', { method: 'DELETE' }).catch(() => {}) })
}
