import { type RawBuilder, sql } from 'kysely'
import { type FindingKind, type FindingState, SEVERITIES, type Severity } from '../domain/finding.ts'
import type { RevokeWithin } from '../domain/policy.ts'
import type { Reason } from '../domain/reason.ts'
import type { Queryable } from './db.ts'
import { identityBegins } from './identity-page.ts'
import { allOf, beginsWith, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import {
  at,
  type CredentialRef,
  credentialRef,
  type Deadline,
  deadlineOf,
  type IdentityRef,
  identityRef,
  type SystemRef,
  severityRank,
  systemRef,
  told,
} from './told.ts'

const OPENED = { column: sql`f.opened_at`, type: 'timestamptz' } as const
const ID = { column: sql`f.id`, type: 'uuid' } as const
export const FINDING_SORTS = {
  /** The newest of one severity first where the most severe come first. */
  severity: [{ column: severityRank(sql`f.severity`), type: 'integer' }, OPENED, ID],
  openedAt: [OPENED, ID],
  lastSeenAt: [{ column: sql`f.last_seen_at`, type: 'timestamptz' }, ID],
} as const satisfies Record<string, SortKeys>

export interface FindingListFilter {
  kind?: readonly FindingKind[] | undefined
  severity?: readonly Severity[] | undefined
  state?: readonly FindingState[] | undefined
  systemId?: string | undefined
  identityId?: string | undefined
  credentialId?: string | undefined
  exempted?: boolean | undefined
  /** Somebody took note of it, in this episode. */
  acknowledged?: boolean | undefined
  openedFrom?: Temporal.Instant | undefined
  openedTo?: Temporal.Instant | undefined
  /** Beginning of the identity's name, e-mail or external id, or of the system's name. */
  q?: string | undefined
}

export interface ToldFinding {
  id: string
  kind: FindingKind
  severity: Severity
  state: FindingState
  exempted: boolean
  episode: number
  identity: IdentityRef | null
  system: SystemRef | null
  credential: CredentialRef | null
  openedAt: string
  lastSeenAt: string
  resolvedAt: string | null
  acknowledgedAt: string | null
  acknowledgedBy: string | null
  reason: Reason | null
}

/** Findings with what they are about. */
export async function findingList(
  db: Queryable,
  filter: FindingListFilter,
  ask: PageAsk<keyof typeof FINDING_SORTS>,
): Promise<(ToldFinding & { keys: string[] })[]> {
  const { past, order, keys } = keyset(FINDING_SORTS, ask)
  const { rows } = await sql<ToldFinding & { keys: string[] }>`
    with page as materialized (
      select f.id from finding f where ${allOf([...conditions(filter), past])} order by ${order} limit ${ask.limit}
    )
    select ${COLUMNS}, ${keys} as keys from page p join finding f on f.id = p.id ${JOINS} order by ${order}
  `.execute(db)
  return rows
}

const COLUMNS = sql`f.id, f.kind, f.severity, f.state, f.exempted, f.episode, ${identityRef('i')} as identity, ${systemRef('s')} as system,
  ${credentialRef('k')} as credential, ${told(sql`f.opened_at`)} as "openedAt", ${told(sql`f.last_seen_at`)} as "lastSeenAt",
  ${told(sql`f.resolved_at`)} as "resolvedAt", ${told(sql`f.acknowledged_at`)} as "acknowledgedAt", f.acknowledged_by as "acknowledgedBy",
  (select o.reason from observation o where o.id = f.observation_id limit 1) as reason`

const JOINS = sql`left join identity i on i.id = f.identity_id left join system s on s.id = f.system_id
  left join credential k on k.id = f.credential_id`

function conditions(filter: FindingListFilter): (RawBuilder<unknown> | undefined)[] {
  const { kind, severity, state, systemId, identityId, credentialId, exempted, acknowledged, openedFrom, openedTo, q } = filter
  return [
    oneOf(sql`f.kind`, kind),
    severityIs(severity),
    stateIs(state),
    systemId === undefined ? undefined : sql`f.system_id = ${systemId}::uuid`,
    identityId === undefined ? undefined : sql`f.identity_id = ${identityId}::uuid`,
    credentialId === undefined ? undefined : sql`f.credential_id = ${credentialId}::uuid`,
    exempted === undefined ? undefined : exempted ? sql`f.exempted` : sql`not f.exempted`,
    acknowledged === undefined ? undefined : acknowledged ? sql`f.state = 'acknowledged'` : sql`f.state <> 'acknowledged'`,
    openedFrom === undefined ? undefined : sql`f.opened_at >= ${at(openedFrom)}`,
    openedTo === undefined ? undefined : sql`f.opened_at < ${at(openedTo)}`,
    q === undefined
      ? undefined
      : sql`(f.identity_id in (select i.id from identity i where ${identityBegins(q)})
          or f.system_id in (select s.id from system s where ${beginsWith(sql`s.name`, q)}))`,
  ]
}

/** With the range of their ranks, so that what lies outside of it is not walked through. */
function severityIs(severity: readonly Severity[] | undefined): RawBuilder<boolean> | undefined {
  if (severity === undefined || severity.length === 0) return oneOf(sql`f.severity`, severity)
  const ranks = severity.map((each) => SEVERITIES.indexOf(each) + 1)
  const rank = severityRank(sql`f.severity`)
  const within = sql`${rank} >= ${Math.min(...ranks)}::int and ${rank} <= ${Math.max(...ranks)}::int`
  return sql`(${within} and ${oneOf(sql`f.severity`, severity)})`
}

/** In the words of the index on what is not resolved, where that is what is asked for. */
function stateIs(state: readonly FindingState[] | undefined): RawBuilder<boolean> | undefined {
  if (state === undefined || state.includes('resolved')) return oneOf(sql`f.state`, state)
  return state.length === 2 ? sql`f.state <> 'resolved'` : sql`(f.state <> 'resolved' and ${oneOf(sql`f.state`, state)})`
}

export interface ToldFindingDetail extends ToldFinding {
  sequence: number
  traceId: string | null
  observationId: string | null
  lastEventId: string | null
  deadline: Deadline | null
}

/** One finding; undefined where there is none of this id. */
export async function toldFinding(
  db: Queryable,
  id: string,
  within: RevokeWithin,
  now: Temporal.Instant,
): Promise<ToldFindingDetail | undefined> {
  const { rows } = await sql<ToldFindingDetail>`
    select ${COLUMNS}, f.sequence, f.trace_id as "traceId", f.observation_id as "observationId",
      (select e.id from finding_event e where e.finding_id = f.id order by e.at desc, e.id desc limit 1) as "lastEventId",
      ${deadlineOf(within, now)} as deadline
    from finding f ${JOINS} left join check_state c on c.credential_id = k.id
    where f.id = ${id}::uuid
  `.execute(db)
  return rows[0]
}
