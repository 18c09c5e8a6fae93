import { type RawBuilder, sql } from 'kysely'
import type { Control } from '../domain/control.ts'
import type { FindingState, Severity } from '../domain/finding.ts'
import type { Reason } from '../domain/reason.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import { type Keyset, keyset, type PageAsk, type SortKeys } from './keyset.ts'
import { ledgerPlace, told } from './told.ts'

const placed = (table: string, column: string): SortKeys => [
  { column: sql`${sql.ref(`${table}.${column}`)}`, type: 'timestamptz' },
  { column: sql`${sql.ref(`${table}.id`)}`, type: 'uuid' },
]
export const TIMELINE_SORTS = { at: placed('t', 'at') } as const satisfies Record<string, SortKeys>

interface Happened {
  id: string
  at: string
  ledger: { index: number; at: string } | null
}

export type ToldHappening =
  | (Happened & {
      type: 'event'
      event: string
      severity: Severity
      state: FindingState
      actor: string | null
      note: string | null
      traceId: string | null
    })
  | (Happened & {
      type: 'observation'
      trialId: string
      verdict: Verdict
      reason: Reason
      strength: Strength
      assurance: Assurance
      confirmed: boolean
      principal: string | null
      latencyMs: number
      traceId: string
    })
  | (Happened & {
      type: 'control'
      trialId: string
      control: Control
      verdict: Verdict
      reason: Reason
      strength: Strength
      latencyMs: number
    })

/**
 * What happened around a finding: its events; where it is about a credential, its observations with the controls of their trials and its
 * confirmations; where it is about a system, the controls of that system's trials. It begins a week before the finding was opened.
 */
export async function findingTimeline(
  db: Queryable,
  findingId: string,
  ask: PageAsk<keyof typeof TIMELINE_SORTS>,
): Promise<{ happening: ToldHappening; keys: string[] }[]> {
  const { order, keys } = keyset(TIMELINE_SORTS, ask)
  const { rows } = await sql<{ row: ToldHappening; id: string; at: string; ledger: Happened['ledger']; keys: string[] }>`
    with f as materialized (
      select id, credential_id, system_id, opened_at - interval '7 days' as since from finding where id = ${findingId}::uuid
    )
    select t.row, t.id, ${told(sql`t.at`)} as at, ${ledgerPlace(sql`t.id`)} as ledger, ${keys} as keys
    from (
      ${part(EVENTS, keyset({ at: placed('e', 'at') }, ask), ask.limit)}
      union all ${part(OBSERVATIONS, keyset({ at: placed('o', 'observed_at') }, ask), ask.limit)}
      union all ${part(CONFIRMATIONS, keyset({ at: placed('c', 'observed_at') }, ask), ask.limit)}
      union all ${part(TRIAL_CONTROLS, keyset({ at: placed('c', 'observed_at') }, ask), ask.limit)}
      union all ${part(SYSTEM_CONTROLS, keyset({ at: placed('c', 'observed_at') }, ask), ask.limit)}
    ) t order by ${order} limit ${ask.limit}
  `.execute(db)
  return rows.map(({ row, id, at, ledger, keys: place }) => ({ happening: { ...row, id, at, ledger }, keys: place }))
}

function part(query: RawBuilder<unknown>, { past, order }: Keyset, limit: number): RawBuilder<unknown> {
  return sql`(${query} and ${past} order by ${order} limit ${limit})`
}

const EVENTS = sql`select e.id, e.at, json_build_object('type', 'event', 'event', e.event, 'severity', e.severity, 'state', e.state,
    'actor', e.actor, 'note', e.note, 'traceId', e.trace_id) as row
  from f join finding_event e on e.finding_id = f.id where true`

const OBSERVATIONS = sql`select o.id, o.observed_at as at, json_build_object('type', 'observation', 'trialId', o.trial_id, 'verdict', o.verdict,
    'reason', o.reason, 'strength', o.strength, 'assurance', o.assurance, 'confirmed', o.confirmed, 'principal', o.principal,
    'latencyMs', o.latency_ms, 'traceId', o.trace_id) as row
  from f join observation o on o.credential_id = f.credential_id where o.observed_at >= f.since`

const CONTROL = sql`c.id, c.observed_at as at, json_build_object('type', 'control', 'trialId', c.trial_id, 'control', c.control,
  'verdict', c.verdict, 'reason', c.reason, 'strength', c.strength, 'latencyMs', c.latency_ms) as row`

const CONFIRMATIONS = sql`select ${CONTROL} from f join control c on c.credential_id = f.credential_id where c.observed_at >= f.since`

/** Of the trials that its credential was part of. */
const TRIAL_CONTROLS = sql`select ${CONTROL}
  from f join (select distinct o.trial_id from f join observation o on o.credential_id = f.credential_id where o.observed_at >= f.since) o on true
  join control c on c.trial_id = o.trial_id where c.credential_id is null and c.observed_at >= f.since`

/** Of all trials of its system. A trial begins before its controls are asked, hence the hour. */
const SYSTEM_CONTROLS = sql`select ${CONTROL}
  from f join trial t on t.system_id = f.system_id and t.started_at >= f.since - interval '1 hour' join control c on c.trial_id = t.id
  where f.credential_id is null and c.credential_id is null and c.observed_at >= f.since`
