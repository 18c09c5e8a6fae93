import { isHost, isSamePlace, type Place, placeOf, placeOfHost } from '../found/place.ts'
import { pointerIn } from '../found/pointer.ts'
import type { EnvLine } from './env-lines.ts'
import type { EnvMeaning } from './env-meaning.ts'
import { openStrangers, type Strangers } from './env-strangers.ts'

/** A text of the file, none, or one that nobody can be certain of. */
type Told = { text: string } | 'unclear' | undefined

/** What a file says beside a secret. */
export interface Beside extends Strangers {
  /** The value of a variable. `unclear`: it stands there with several values, or with one that readers do not agree on. */
  told(name: string): Told
  /** The one value of several names. `unclear`: they differ. */
  one(prefix: string, ends: readonly string[]): Told
  /** Where a secret belongs by its own names. `unclear`: no place can be made of what is said, or two. */
  place(prefix: string, of: Pick<EnvMeaning, 'places' | 'port'>): Place | 'unclear' | undefined
}

export function openBeside(lines: readonly EnvLine[]): Beside {
  const byName = new Map<string, Told>()
  for (const { name, value, clear } of lines) {
    const told = value === '' && clear ? undefined : clear && pointerIn(value, true) === undefined ? { text: value } : 'unclear'
    byName.set(name, byName.has(name) && !isSame(byName.get(name), told) ? 'unclear' : told)
  }
  const told = (name: string) => byName.get(name)
  const one = (prefix: string, ends: readonly string[]): Told => {
    const all = ends.map((end) => told(`${prefix}${end}`)).filter((each) => each !== undefined)
    return all.every((each) => isSame(each, all[0])) ? all[0] : 'unclear'
  }
  const place: Beside['place'] = (prefix, { places, port }) => {
    const at = port === undefined ? undefined : portOf(one(prefix, port.ends), port.usual)
    const all = places.flatMap((end): (Place | 'unclear')[] => {
      const text = told(`${prefix}${end}`)
      if (text === undefined) return []
      if (text === 'unclear' || at === 'unclear') return ['unclear']
      return [(at === undefined ? placeUnder(end, text.text) : bareHost(text.text, at)) ?? 'unclear']
    })
    const [first] = all
    if (first === undefined || first === 'unclear') return first
    return all.every((each) => each !== 'unclear' && isSamePlace(first, each)) ? first : 'unclear'
  }
  return { told, one, place, ...openStrangers(lines) }
}

function isSame(a: Told, b: Told): boolean {
  return typeof a === 'object' && typeof b === 'object' ? a.text === b.text : a === b
}

/** Datadog's SITE is what its hosts have in common. */
function placeUnder(end: string, text: string): Place | undefined {
  if (end !== 'SITE') return placeOfHost(text)
  return isHost(text) ? placeOf(`api.${text}`) : undefined
}

function bareHost(text: string, port: number): Place | undefined {
  return isHost(text) ? { ...placeOf(text), port } : undefined
}

function portOf(told: Told, usual: number): number | 'unclear' {
  if (told === undefined) return usual
  return told !== 'unclear' && /^\d{1,5}$/.test(told.text) ? Number(told.text) : 'unclear'
}
