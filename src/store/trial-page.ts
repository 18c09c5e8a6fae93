import { type RawBuilder, sql } from 'kysely'
import type { Wire } from '../domain/answer.ts'
import type { Control } from '../domain/control.ts'
import type { Reason } from '../domain/reason.ts'
import type { Transport } from '../domain/system.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import { allOf, type Keyset, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import { at, type SystemRef, systemRef, told } from './told.ts'

export const TRIAL_SORTS = {
  startedAt: [
    { column: sql`t.started_at`, type: 'timestamptz' },
    { column: sql`t.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export interface TrialFilter {
  systemId?: string | undefined
  outcome?: readonly string[] | undefined
  /** True: it has not ended, as far as is known. */
  running?: boolean | undefined
  from?: Temporal.Instant | undefined
  to?: Temporal.Instant | undefined
}

export interface ToldTrial<Outcome extends string = string> {
  id: string
  system: SystemRef | null
  shard: number
  zone: string
  instance: string
  traceId: string
  startedAt: string
  finishedAt: string | null
  outcome: Outcome | null
  assurance: Assurance | null
  accepted: number
  rejected: number
  inconclusive: number
}

export async function trialPage<Outcome extends string>(
  db: Queryable,
  filter: TrialFilter,
  ask: PageAsk<keyof typeof TRIAL_SORTS>,
): Promise<(ToldTrial<Outcome> & { keys: string[] })[]> {
  const { past, order, keys } = keyset(TRIAL_SORTS, ask)
  const { systemId, outcome, running, from, to } = filter
  const wanted = allOf([
    systemId === undefined ? undefined : sql`t.system_id = ${systemId}::uuid`,
    oneOf(sql`t.outcome`, outcome),
    running === undefined ? undefined : running ? sql`t.outcome is null` : sql`t.outcome is not null`,
    from === undefined ? undefined : sql`t.started_at >= ${at(from)}`,
    to === undefined ? undefined : sql`t.started_at < ${at(to)}`,
    past,
  ])
  return tell(db, sql`select t.* from trial t where ${wanted} order by ${order} limit ${ask.limit}`, { order, keys })
}

/** One trial; undefined where there is none of this id. */
export async function toldTrial<Outcome extends string>(db: Queryable, id: string): Promise<ToldTrial<Outcome> | undefined> {
  const page = sql`select t.* from trial t where t.id = ${id}::uuid`
  const [row] = await tell<Outcome>(db, page, { order: sql`t.id`, keys: sql`null` })
  if (row === undefined) return undefined
  const { keys: _, ...trial } = row
  return trial
}

async function tell<Outcome extends string>(
  db: Queryable,
  page: RawBuilder<unknown>,
  { order, keys }: Pick<Keyset, 'order' | 'keys'>,
): Promise<(ToldTrial<Outcome> & { keys: string[] })[]> {
  const { rows } = await sql<ToldTrial<Outcome> & { keys: string[] }>`
    select t.id, ${systemRef('s')} as system, t.shard, t.zone, t.instance, t.trace_id as "traceId", ${told(sql`t.started_at`)} as "startedAt",
      ${told(sql`t.finished_at`)} as "finishedAt", t.outcome, t.assurance, t.accepted, t.rejected, t.inconclusive, ${keys} as keys
    from (${page}) t left join system s on s.id = t.system_id order by ${order}
  `.execute(db)
  return rows
}

export interface ToldControl {
  id: string
  trialId: string
  control: Control
  credentialId: string | null
  observedAt: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  transport: Transport
  wire: Wire
  latencyMs: number
}

/** The controls of a trial, in the order in which they were asked. */
export async function controlsOf(db: Queryable, trialId: string, limit: number): Promise<ToldControl[]> {
  const { rows } = await sql<ToldControl>`
    select c.id, c.trial_id as "trialId", c.control, c.credential_id as "credentialId", ${told(sql`c.observed_at`)} as "observedAt", c.verdict,
      c.reason, c.strength, c.transport, c.wire, c.latency_ms as "latencyMs"
    from control c where c.trial_id = ${trialId}::uuid order by c.observed_at, c.id limit ${limit}
  `.execute(db)
  return rows
}
