import { withinMs } from '../domain/policy.ts'
import { SILENT_MS } from '../evidence/gaps.ts'
import { medianMinutes, survivalSteps } from '../evidence/report/survival.ts'
import { heldStatements } from '../store/feed-page.ts'
import {
  type DoorCounts,
  doors,
  findingCounts,
  holders,
  type LatencyRow,
  lastEvents,
  latencies,
  replicas,
  survivalNow,
  systemsNow,
} from '../store/overview.ts'
import { listPauses } from '../store/pause.ts'
import { noCounts, sumOf } from '../store/system-counts.ts'
import { countsOf } from './counts.ts'
import type { ApiDeps } from './deps.ts'
import { kept } from './kept.ts'
import type { Overview } from './schemas/overview.ts'

/** Over how many days of leavers latency and survival may be told. */
export const OVERVIEW_DAYS = [7, 30, 90, 365] as const
export type OverviewDays = (typeof OVERVIEW_DAYS)[number]

const EVENTS_TOLD = 30
const STEPS_TOLD = 200
const [DOORS_KEPT_MS, HISTORY_KEPT_MS] = [3_000, 30_000]
const DAY_MS = 86_400_000

const keptDoors = kept(DOORS_KEPT_MS, async ({ db, now }: ApiDeps, _: 'all') => ({ at: now(), counted: await doors(db, now()) }))

const keptHistory = kept(HISTORY_KEPT_MS, async ({ db, now, config }: ApiDeps, days: OverviewDays) => {
  const to = now()
  const from = to.subtract({ milliseconds: days * DAY_MS })
  const steps = survivalSteps(await survivalNow(db, from, to))
  return { latency: await latencies(db, config().policy.revokeWithinMs, from, to), steps }
})

const keptHolders = kept(HISTORY_KEPT_MS, async ({ db, now }: ApiDeps, _: 'all') => holders(db, now()))

/** What a first look has to tell. What reads everything is counted once for all who ask, see `kept`. */
export async function overviewOf(deps: ApiDeps, days: OverviewDays): Promise<Overview> {
  const { db, now } = deps
  const [{ at, counted }, counts, { latency, steps }, holding] = await Promise.all([
    keptDoors(deps, 'all'),
    countsOf(deps),
    keptHistory(deps, days),
    keptHolders(deps, 'all'),
  ])
  const [systems, found, pauses, alive, events, held] = await Promise.all([
    systemsNow(db),
    findingCounts(db),
    listPauses(db),
    replicas(db, now().subtract({ milliseconds: SILENT_MS })),
    lastEvents(db, EVENTS_TOLD),
    heldStatements(db),
  ])
  const { identities, ...stand } = counted
  const sum = sumOf(counts.values())
  const all = pauses.find(({ scope }) => scope === '*')
  const within = deps.config().policy.revokeWithinMs
  const latencyBy = new Map(latency.map((row) => [row.systemId, row]))
  return {
    at: at.toString(),
    doors: { ...stand, ...settled(stand, holding) },
    identities,
    credentials: sum.credentials,
    findings: {
      unresolved: found.reduce((total, { open, acknowledged }) => total + open + acknowledged, 0),
      unacknowledged: found.reduce((total, row) => total + row.unacknowledged, 0),
      counts: found.map(({ unacknowledged: _, ...row }) => row),
    },
    coverage: {
      ...sum.coverage,
      systems: systems.map(({ ref, blindSince }) => ({
        system: ref,
        ...(counts.get(ref.id) ?? noCounts()).coverage,
        blindSince,
      })),
    },
    latency: {
      days,
      ...told(latencyBy.get(null)),
      systems: systems.flatMap(({ ref }) => {
        const row = latencyBy.get(ref.id)
        return row === undefined
          ? []
          : [{ system: ref, allowedMs: withinMs(within, { tier: ref.tier, system: ref.name }), ...told(row) }]
      }),
    },
    survival: { days, medianMinutes: medianMinutes(steps) ?? null, steps: thinned(steps) },
    paused: all === undefined ? null : { at: all.paused_at.toString(), by: all.paused_by, note: all.note },
    pausedSystems: pauses.filter(({ scope }) => scope !== '*').length,
    held,
    dueNow: sum.dueNow,
    nextDueAt: sum.nextDueAt,
    replicas: alive,
    events,
  }
}

/** Those of whom nothing is open or unproven: they hold nothing, or all of it is closed. @param holding counted some time before */
function settled({ terminated, open, unproven }: Omit<DoorCounts, 'identities'>, holding: number) {
  const closed = Math.min(Math.max(0, holding - open - unproven), terminated - open - unproven)
  return { closed, without: terminated - open - unproven - closed }
}

function told(row: LatencyRow | undefined) {
  const { closed = 0, medianMs = null, p90Ms = null, inTime = 0, late = 0, overdue = 0, running = 0 } = row ?? {}
  return { closed, medianMs, p90Ms, inTime, late, overdue, running }
}

/** The curve at evenly chosen steps, the last one among them: what a step says holds for all before it. */
function thinned<Step>(steps: readonly Step[]): Step[] {
  if (steps.length <= STEPS_TOLD) return [...steps]
  const every = (steps.length - 1) / (STEPS_TOLD - 1)
  const chosen = new Set(Array.from({ length: STEPS_TOLD }, (_, n) => Math.round(n * every)))
  return steps.filter((_, n) => chosen.has(n))
}
