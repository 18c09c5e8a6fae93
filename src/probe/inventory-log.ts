import { compilePointer } from '../domain/pointer.ts'
import { compileMeant, instantOf, type PersonScope, wordOf } from './inventory-items.ts'
import type { InventoryLog } from './inventory-schema.ts'

/** What events leave: a thing, and the last event by which this person began it. */
export interface Standing {
  thing: string
  item: unknown
}

interface Event {
  does: 'begins' | 'suspends' | 'ends'
  atMs: number
  isMine: boolean
  item: unknown
}

/**
 * What tells of a log which things stand, and are this person's. One stands where the last that was done to it, by anybody, began it. It is
 * theirs where they began it after it was ended last: who resumes what somebody else began does not take it from them. Of what happens at
 * the same time the beginning counts as the later: what may stand is shown.
 *
 * `fault`: an event does not say what it is about, when it was, or, where it begins something, whose it is. The log is not what is
 * documented then.
 */
export function compileLog(
  log: InventoryLog,
): (items: readonly unknown[], scope: PersonScope) => { standing: Standing[]; fault: boolean } {
  const things = log.of.map((pointer) => ({ name: pointer.split('/').at(-1) ?? '', find: compilePointer(pointer) }))
  const at = compilePointer(log.at)
  const mine = compileMeant({ match: log.match, only: undefined })
  const does = (['begins', 'suspends', 'ends'] as const).flatMap((name) => {
    const only = log[name]
    return only === undefined ? [] : [{ name, holds: compileMeant({ only, match: undefined }) }]
  })
  const thingOf = (item: unknown): string | undefined => {
    const found = things.map(({ name, find }) => ({ name, word: wordOf(find(item)) })).find(({ word }) => (word ?? '') !== '')
    return found === undefined ? undefined : `${found.name} ${found.word}`
  }
  return (items, scope) => {
    const events = new Map<string, Event[]>()
    let fault = false
    for (const item of items) {
      const what = does.find(({ holds }) => holds(item, scope) === true)?.name
      if (what === undefined) continue
      // Whose an end is does not matter: a system ends things too.
      const isMine = what === 'begins' ? mine(item, scope) : false
      const [thing, time] = [thingOf(item), instantOf(at(item))]
      if (thing === undefined || time === undefined || isMine === undefined) {
        fault = true
        continue
      }
      const of = events.get(thing) ?? []
      of.push({ does: what, atMs: Date.parse(time), isMine, item })
      events.set(thing, of)
    }
    return { standing: [...events].flatMap(([thing, of]) => standingOf(thing, of)), fault }
  }
}

function standingOf(thing: string, events: readonly Event[]): Standing[] {
  const last = (of: readonly Event[]) => of.reduce((latest, { atMs }) => Math.max(latest, atMs), Number.NEGATIVE_INFINITY)
  const begun = events.filter(({ does }) => does === 'begins')
  if (last(begun) < last(events)) return []
  const ended = last(events.filter(({ does }) => does === 'ends'))
  const mine = begun.filter(({ isMine, atMs }) => isMine && atMs >= ended).toSorted((a, b) => b.atMs - a.atMs)[0]
  return mine === undefined ? [] : [{ thing, item: mine.item }]
}
