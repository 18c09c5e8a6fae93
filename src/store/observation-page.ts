import { sql } from 'kysely'
import type { Wire } from '../domain/answer.ts'
import type { Reason } from '../domain/reason.ts'
import type { Transport } from '../domain/system.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import { allOf, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import {
  at,
  type CredentialRef,
  credentialRef,
  type IdentityRef,
  identityRef,
  ledgerPlace,
  type SystemRef,
  systemRef,
  told,
} from './told.ts'

export const OBSERVATION_SORTS = {
  observedAt: [
    { column: sql`o.observed_at`, type: 'timestamptz' },
    { column: sql`o.id`, type: 'uuid' },
  ],
} as const satisfies Record<string, SortKeys>

export interface ToldObservation {
  id: string
  observedAt: string
  trialId: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  confirmed: boolean
  principal: string | null
  transport: Transport
  effects: string | null
  wire: Wire
  latencyMs: number
  traceId: string
}

const COLUMNS = sql`o.id, ${told(sql`o.observed_at`)} as "observedAt", o.trial_id as "trialId", o.verdict, o.reason, o.strength, o.assurance,
  o.confirmed, o.principal, o.transport, o.effects, o.wire, o.latency_ms as "latencyMs", o.trace_id as "traceId"`

/** What was observed of one credential. */
export async function observationPage(
  db: Queryable,
  credentialId: string,
  filter: { verdict?: readonly Verdict[] | undefined; from?: Temporal.Instant | undefined; to?: Temporal.Instant | undefined },
  ask: PageAsk<keyof typeof OBSERVATION_SORTS>,
): Promise<(ToldObservation & { keys: string[] })[]> {
  const { past, order, keys } = keyset(OBSERVATION_SORTS, ask)
  const after = ask.after?.[0]
  // Said by itself too, so that the months beyond are not opened.
  const bound = ask.sort.startsWith('-')
    ? sql`o.observed_at <= ${after}::timestamptz`
    : sql`o.observed_at >= ${after}::timestamptz`
  const wanted = allOf([
    sql`o.credential_id = ${credentialId}::uuid`,
    oneOf(sql`o.verdict`, filter.verdict),
    filter.from === undefined ? undefined : sql`o.observed_at >= ${at(filter.from)}`,
    filter.to === undefined ? undefined : sql`o.observed_at < ${at(filter.to)}`,
    after === undefined ? undefined : bound,
    past,
  ])
  const { rows } = await sql<ToldObservation & { keys: string[] }>`
    select ${COLUMNS}, ${keys} as keys from observation o where ${wanted} order by ${order} limit ${ask.limit}
  `.execute(db)
  return rows
}

export interface ToldObservationDetail extends ToldObservation {
  identity: IdentityRef | null
  system: SystemRef | null
  credential: CredentialRef | null
  digest: string
  ledger: { index: number; at: string } | null
}

/** One observation; undefined where there is none of this id, or it is past its retention. */
export async function toldObservation(db: Queryable, id: string): Promise<ToldObservationDetail | undefined> {
  const { rows } = await sql<ToldObservationDetail>`
    select ${COLUMNS}, ${identityRef('i')} as identity, ${systemRef('s')} as system, ${credentialRef('k')} as credential,
      encode(o.leaf, 'hex') as digest, ${ledgerPlace(sql`o.id`)} as ledger
    from (select * from observation o where o.id = ${id}::uuid limit 1) o
    left join identity i on i.id = o.identity_id left join system s on s.id = o.system_id left join credential k on k.id = o.credential_id
  `.execute(db)
  return rows[0]
}

/** The entry of the log about a row: the first one, where it has several; null: not sequenced yet. */
export async function placeOf(db: Queryable, ref: string): Promise<{ index: number; at: string } | null> {
  const { rows } = await sql<{ place: { index: number; at: string } | null }>`
    select ${ledgerPlace(sql`${ref}::uuid`)} as place
  `.execute(db)
  return rows[0]?.place ?? null
}
