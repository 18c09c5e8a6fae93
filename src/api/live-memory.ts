import { randomBytes } from 'node:crypto'
import { may, type Role } from '../domain/access.ts'
import type { LiveEvent } from './schemas/live.ts'

/** What was told lately, so that a stream that broke goes on where it was. */
export interface LiveMemory {
  /** Keeps an event and answers how it is told. */
  keep(event: LiveEvent, atMs: number): Told
  /** What was told after a place; undefined where that is not known any more. */
  after(place: Place): Told[] | undefined
  /** What was told from a number on. */
  from(sequence: number): Told[]
  /** The number of the next event. */
  readonly next: number
  /** Tells this memory from any other. */
  readonly epoch: string
}

/** An event as server-sent text. */
export type Told = (role: Role) => string

/** Where a stream was: `epoch.sequence.milliseconds`, the id of an event. */
export interface Place {
  epoch: string
  sequence: number
  ms: number
}

/** Events that are kept for those who come back. */
const KEPT = 1_000

export function openMemory(): LiveMemory {
  const epoch = randomBytes(6).toString('hex')
  let first = 1
  const kept: Told[] = []
  const from = (sequence: number) => kept.slice(Math.max(0, sequence - first))
  return {
    epoch,
    get next() {
      return first + kept.length
    },
    keep: (event, atMs) => {
      const id = `${epoch}.${first + kept.length}.${atMs}`
      const told: Told = (role) => frameOf(event, role, id)
      kept.push(told)
      if (kept.length > KEPT) {
        kept.shift()
        first++
      }
      return told
    },
    after: (place) => {
      const isHere = place.epoch === epoch && place.sequence >= first - 1 && place.sequence < first + kept.length
      return isHere ? from(place.sequence + 1) : undefined
    },
    from,
  }
}

/** Undefined for what is no id of ours. */
export function placeOf(id: string): Place | undefined {
  const [, epoch, sequence, ms] = /^([0-9a-f]{12})\.([0-9]{1,12})\.([0-9]{1,15})$/.exec(id) ?? []
  if (epoch === undefined || sequence === undefined || ms === undefined) return undefined
  return { epoch, sequence: Number(sequence), ms: Number(ms) }
}

/**
 * One event as text (HTML, server-sent events).
 *
 * @param id left out: the stream stays where it was, should it break here
 */
export function frameOf(event: LiveEvent, role: Role, id?: string): string {
  // That something was done everybody may know; who did what is the audit's.
  const isPrivate = event.type === 'operator' && !may(role, 'audit')
  const data = isPrivate ? { ...event.data, actor: null, subject: null } : event.data
  return `event: ${event.type}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
}
