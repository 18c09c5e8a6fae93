import type { GapReason } from '../domain/gap.ts'
import { type CalendarScope, type GapSpan, gapsWithin, systemRefs, triedDays } from '../store/coverage-calendar.ts'
import type { Queryable } from '../store/db.ts'
import type { CoverageDay } from './schemas/evidence.ts'

const DAY_MS = 86_400_000

/** What was tried and what was not, by day (UTC) and system, in this order. @param scope whole days */
export async function coverageCalendar(db: Queryable, scope: CalendarScope, now: Temporal.Instant): Promise<CoverageDay[]> {
  const [systems, tried, gaps] = [await systemRefs(db), await triedDays(db, scope), await gapsWithin(db, scope)]
  const days = new Map<string, CoverageDay>()
  const dayOf = (day: string, systemId: string): CoverageDay | undefined => {
    const system = systems.get(systemId)
    if (system === undefined) return undefined
    const key = `${day} ${systemId}`
    const known = days.get(key) ?? { day, system, trials: 0, accepted: 0, rejected: 0, inconclusive: 0, blindMs: 0, reasons: [] }
    days.set(key, known)
    return known
  }
  for (const { day, systemId, ...counts } of tried) {
    const of = dayOf(day, systemId)
    if (of !== undefined) Object.assign(of, counts)
  }
  for (const gap of gaps)
    for (const { day, ms } of daysOf(gap, scope, now)) {
      const of = dayOf(day, gap.systemId)
      if (of !== undefined) addGap(of, gap.reason, ms)
    }
  return [...days.values()].toSorted((a, b) => compare(a.day, b.day) || compare(a.system.name, b.system.name))
}

function addGap(day: CoverageDay, reason: GapReason, ms: number): void {
  day.blindMs += ms
  if (!day.reasons.includes(reason)) day.reasons.push(reason)
}

/** How much of each day of the scope a gap takes. One that lasts ends now. */
function daysOf({ from, to }: GapSpan, scope: CalendarScope, now: Temporal.Instant): { day: string; ms: number }[] {
  const begin = Math.max(from.epochMilliseconds, scope.from.epochMilliseconds)
  const end = Math.min((to ?? now).epochMilliseconds, scope.to.epochMilliseconds)
  const days: { day: string; ms: number }[] = []
  for (let at = begin; at < end; ) {
    const next = Math.min(end, (Math.floor(at / DAY_MS) + 1) * DAY_MS)
    days.push({ day: Temporal.Instant.fromEpochMilliseconds(at).toString().slice(0, 10), ms: next - at })
    at = next
  }
  return days
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
