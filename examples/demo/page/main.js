import { showBoard } from './board.js'
import { showCursors } from './cursors.js'
import { showLife } from './life.js'
import { showRate } from './meter.js'
import { newPerson } from './person.js'
import { showSlider } from './slider.js'

const $ = (id) => document.getElementById(id)
const room = new URLSearchParams(location.search).get('room') || 'lobby'
const url = `/rooms/${encodeURIComponent(room)}`
const me = newPerson()

const board = showBoard(`${url}/board`, $('canvas'), $('clear'), me)
const slider = showSlider(`${url}/slider`, $('slider'), $('value'))
const cursors = showCursors(`${url}/cursors`, $('board'), $('people'), me)
showRate([board, slider, cursors], $('rate'), $('chart'))
showLife(board, { state: $('state'), news: $('news'), server: $('server'), kill: $('kill') })

$('room').value = room
$('get').textContent = `curl ${location.origin}${url}/slider`
$('put').textContent = `curl -X PUT ${location.origin}${url}/slider -H 'content-type: application/json' -d '{"value":75}'`
$('another').addEventListener(
  'click', () => { window.open(location.href, '_blank', 'popup,width=560,height=760,noopener') }
)

// On a wide screen there is a second window at once. It is a page like this one, and knows nothing of it.
if (window === top && matchMedia('(min-width: 75rem)').matches) {
  const second = document.createElement('iframe')
  second.title = 'A second window'
  second.src = location.href
  document.body.append(second)
}
