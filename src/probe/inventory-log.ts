import { compilePointer } from '../domain/pointer.ts'
import { compileOnly, compileWhose, instantOf, type PersonScope, wordOf } from './inventory-items.ts'
import type { InventoryLog } from './inventory-schema.ts'

/** What events leave: a thing, and the last event by which this person began it. */
export interface Standing {
  thing: string
  item: unknown
}

/** What a log tells of one person. */
export interface Logged {
  standing: Standing[]
  /**
   * Things that it says are over for them. What stands in neither list it does not tell of: its beginning may be further back than the log
   * reaches.
   */
  ended: string[]
  /** An event does not say what it is about, when it was, or, where it begins something, whose it is. */
  fault: boolean
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
 */
export function compileLog(log: InventoryLog): (items: readonly unknown[], scope: PersonScope) => Logged {
  const things = log.of.map((pointer) => ({ name: pointer.split('/').at(-1) ?? '', find: compilePointer(pointer) }))
  const at = compilePointer(log.at)
  const whose = compileWhose({ match: log.match, sees: undefined })
  const does = (['begins', 'suspends', 'ends'] as const).flatMap((name) => {
    const only = log[name]
    return only === undefined ? [] : [{ name, holds: compileOnly(only) }]
  })
  const thingOf = (item: unknown): string | undefined => {
    const found = things.map(({ name, find }) => ({ name, word: wordOf(find(item)) })).find(({ word }) => (word ?? '') !== '')
    return found === undefined ? undefined : `${found.name} ${found.word}`
  }
  return (items, scope) => {
    const events = new Map<string, Event[]>()
    let fault = false
    for (const item of items) {
      const what = does.find(({ holds }) => holds(item))?.name
      if (what === undefined) continue
      // Whose an end is does not matter: a system ends things too.
      const of = what === 'begins' ? whose(item, scope) : 'other'
      const [thing, time] = [thingOf(item), instantOf(at(item))]
      if (thing === undefined || time === undefined || of === undefined) {
        fault = true
        continue
      }
      const before = events.get(thing) ?? []
      before.push({ does: what, atMs: Date.parse(time), isMine: of === 'person', item })
      events.set(thing, before)
    }
    const standing = [...events].flatMap(([thing, each]) => standingOf(thing, each))
    const stand = new Set(standing.map(({ thing }) => thing))
    const ended = [...events].flatMap(([thing, each]) => (!stand.has(thing) && isEnded(each) ? [thing] : []))
    return { standing, ended, fault }
  }
}

function last(of: readonly Event[]): number {
  return of.reduce((latest, { atMs }) => Math.max(latest, atMs), Number.NEGATIVE_INFINITY)
}

/** It was ended, or the last that was done to it suspends it: a beginning that the log has lost lies before. */
function isEnded(events: readonly Event[]): boolean {
  return events.some(({ does }) => does === 'ends') || last(events.filter(({ does }) => does === 'begins')) < last(events)
}

function standingOf(thing: string, events: readonly Event[]): Standing[] {
  const begun = events.filter(({ does }) => does === 'begins')
  if (last(begun) < last(events)) return []
  const ended = last(events.filter(({ does }) => does === 'ends'))
  const mine = begun.filter(({ isMine, atMs }) => isMine && atMs >= ended).toSorted((a, b) => b.atMs - a.atMs)[0]
  return mine === undefined ? [] : [{ thing, item: mine.item }]
}
