const ANIMALS = [
  'Badger', 'Crane', 'Dolphin', 'Fox', 'Gecko', 'Heron', 'Ibex', 'Lynx', 'Marten', 'Newt', 'Otter', 'Puffin', 'Raven',
  'Seal', 'Tapir', 'Wren'
]

/** The colour of somebody: the same in all windows. */
export function hueOf (id) {
  let hash = 0
  for (const character of id) hash = (hash * 31 + character.charCodeAt(0)) % 997
  return hash * 137 % 360
}

/** Somebody new. Pages of plain http have no crypto.randomUUID(). */
export function newPerson () {
  const id = Math.random().toString(36).slice(2)
  return { id, name: ANIMALS[Math.floor(Math.random() * ANIMALS.length)], hue: hueOf(id) }
}
