import { type RawBuilder, sql } from 'kysely'
import type { Privilege, RetiredReason } from '../domain/credential.ts'
import type { FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { RevokeWithin } from '../domain/policy.ts'
import type { Standing } from '../domain/standing.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import { GIVEN_LEFT, type HandoverState, isPast } from './handover.ts'
import { allOf, type Keyset, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import {
  at,
  type CredentialRef,
  type Deadline,
  deadlineOf,
  type IdentityRef,
  identityRef,
  LAST_ANSWER,
  type LastAnswer,
  LOOSE,
  OPEN,
  type SystemRef,
  standingOf,
  systemRef,
  told,
} from './told.ts'

/** In the order in which they became known. */
export const CREDENTIAL_SORTS = {
  id: [{ column: sql`k.id`, type: 'uuid' }],
} as const satisfies Record<string, SortKeys>

export interface CredentialPageFilter {
  identityId?: string | undefined
  systemId?: string | undefined
  /** Of the last answer, of those that are tried. */
  verdict?: readonly Verdict[] | undefined
  /** Left out: all but the retired. */
  standing?: readonly Standing[] | undefined
  /** True: due now; false: not. */
  due?: boolean | undefined
}

export interface ToldCredential extends CredentialRef, LastAnswer {
  identity: IdentityRef
  system: SystemRef
  principal: string | null
  privilege: Privilege
  shared: boolean
  standing: Standing
  dueAt: string | null
  revokedAfterMs: number | null
  deadline: Deadline | null
  retiredAt: string | null
  retiredReason: RetiredReason | null
}

export interface CredentialTelling {
  within: RevokeWithin
  now: Temporal.Instant
}

/** Credentials with how they stand, without their secrets. */
export async function credentialPage(
  db: Queryable,
  filter: CredentialPageFilter,
  ask: PageAsk<keyof typeof CREDENTIAL_SORTS>,
  telling: CredentialTelling,
): Promise<(ToldCredential & { keys: string[] })[]> {
  const { past, order, keys } = keyset(CREDENTIAL_SORTS, ask)
  const page = sql`select k.id from credential k join check_state c on c.credential_id = k.id
    where ${allOf([...conditions(filter, telling.now), past])} order by ${order} limit ${ask.limit}`
  return tell(db, page, { order, keys }, telling, sql``)
}

function conditions(
  { identityId, systemId, verdict, standing, due }: CredentialPageFilter,
  now: Temporal.Instant,
): (RawBuilder<unknown> | undefined)[] {
  return [
    identityId === undefined ? undefined : sql`k.identity_id = ${identityId}::uuid`,
    systemId === undefined ? undefined : sql`k.system_id = ${systemId}::uuid`,
    verdict === undefined ? undefined : sql`(c.due_at is not null and ${oneOf(sql`c.verdict`, verdict)})`,
    verdict?.includes('rejected') === false ? LOOSE : undefined,
    ...(standing === undefined ? [sql`k.retired_at is null`] : stands(standing, now)),
    due === undefined ? undefined : due ? sql`c.due_at <= ${at(now)}` : sql`(c.due_at is null or c.due_at > ${at(now)})`,
  ]
}

const NOT_CLOSED: readonly Standing[] = ['open', 'unverified', 'not_tried', 'refused']

/** What `standingOf` says, in conditions that the planner can weigh, and in the words of the indexes. */
function stands(standing: readonly Standing[], now: Temporal.Instant): RawBuilder<unknown>[] {
  const left = sql`(k.retired_at is null and c.due_at is not null and c.terminated_at <= ${at(now)})`
  const each: Record<Standing, RawBuilder<unknown>> = {
    open: sql`(${left} and ${OPEN})`,
    unverified: sql`(${left} and c.verdict = 'inconclusive' and not ${OPEN})`,
    not_tried: sql`(${left} and c.verdict is null)`,
    refused: sql`(${left} and c.verdict = 'rejected' and c.dead_at is null and not ${OPEN})`,
    closed: sql`(${left} and c.verdict = 'rejected' and c.dead_at is not null)`,
    retired: sql`k.retired_at is not null`,
    resting: sql`(k.retired_at is null and (c.terminated_at is null or c.terminated_at > ${at(now)}))`,
  }
  const one = sql`(${sql.join(
    standing.map((name) => each[name]),
    sql` or `,
  )})`
  return standing.every((name) => NOT_CLOSED.includes(name)) ? [one, LOOSE] : [one]
}

/** The agreed handover that a credential is part of. */
export interface CredentialHandover {
  id: string
  receiver: IdentityRef
  /** Of the credential, as that of a handover is of all that was given over. */
  state: Exclude<HandoverState, 'cancelled' | 'empty'>
}

export interface ToldCredentialDetail extends ToldCredential {
  secret: { kept: 'sealed' | 'reference' | 'none'; scheme: string | null; origin: string; expiresAt: string | null }
  handoverBy: string | null
  handover: CredentialHandover | null
  rotatedAt: string | null
  judgedAt: string | null
  acceptedAt: string | null
  confirmedAt: string | null
  firstRejectedAt: string | null
  deadAt: string | null
  verifyBy: string | null
  rejections: number
  failures: number
  attempts: number
  findings: { id: string; kind: FindingKind; severity: Severity; state: FindingState; exempted: boolean; openedAt: string }[]
  createdAt: string
  updatedAt: string
}

/** All of a credential but its secret; undefined where there is none of this id. */
export async function toldCredential(
  db: Queryable,
  id: string,
  telling: CredentialTelling,
): Promise<ToldCredentialDetail | undefined> {
  const page = sql`select k.id from credential k where k.id = ${id}::uuid`
  const [row] = await tell<ToldCredentialDetail>(db, page, { order: sql`k.id`, keys: sql`null` }, telling, detail(telling.now))
  if (row === undefined) return undefined
  const { keys: _, ...credential } = row
  return credential
}

const detail = (
  now: Temporal.Instant,
) => sql`, json_build_object('kept', case when x.sealed is not null then 'sealed' when x.reference is not null then 'reference' else 'none' end,
    'scheme', split_part(x.reference, ':', 1), 'origin', coalesce(x.origin, s.bound_origin),
    'expiresAt', ${told(sql`x.expires_at`)}) as secret,
  ${told(sql`k.handover_by`)} as "handoverBy", ${told(sql`k.rotated_at`)} as "rotatedAt",
  (select json_build_object('id', h.id, 'receiver', ${identityRef('r')}, 'state',
    case when not ${GIVEN_LEFT} then 'done' when ${isPast(sql`k.handover_by`, sql`i.terminated_at`, now)} then 'overdue' else 'running' end)
    from handover h join identity r on r.id = h.receiver_id where h.id = k.handover_id) as handover,
  ${told(sql`c.judged_at`)} as "judgedAt", ${told(sql`c.accepted_at`)} as "acceptedAt",
  ${told(sql`c.confirmed_at`)} as "confirmedAt", ${told(sql`c.first_rejected_at`)} as "firstRejectedAt", ${told(sql`c.dead_at`)} as "deadAt",
  ${told(sql`c.verify_by`)} as "verifyBy", c.rejections, c.failures, c.attempts,
  ${told(sql`k.created_at`)} as "createdAt", ${told(sql`k.updated_at`)} as "updatedAt",
  coalesce((select json_agg(json_build_object('id', f.id, 'kind', f.kind, 'severity', f.severity, 'state', f.state, 'exempted', f.exempted,
    'openedAt', ${told(sql`f.opened_at`)}) order by f.opened_at desc, f.id) from finding f where f.credential_id = k.id), '[]') as findings`

async function tell<Row extends ToldCredential>(
  db: Queryable,
  page: RawBuilder<unknown>,
  { order, keys }: Pick<Keyset, 'order' | 'keys'>,
  { within, now }: CredentialTelling,
  more: RawBuilder<unknown>,
): Promise<(Row & { keys: string[] })[]> {
  const { rows } = await sql<Row & { keys: string[] }>`
    with page as materialized (${page})
    select k.id, k.label, k.kind, k.fingerprint, ${identityRef('i')} as identity, ${systemRef('s')} as system, k.principal, k.privilege, k.shared,
      ${standingOf(now)} as standing, ${LAST_ANSWER}, ${told(sql`c.due_at`)} as "dueAt",
      (extract(epoch from c.first_rejected_at - c.terminated_at) * 1000)::float8 as "revokedAfterMs",
      ${deadlineOf(within, now)} as deadline, ${told(sql`k.retired_at`)} as "retiredAt", k.retired_reason as "retiredReason", ${keys} as keys${more}
    from page p join credential k on k.id = p.id
    join check_state c on c.credential_id = k.id
    left join secret x on x.credential_id = k.id
    join identity i on i.id = k.identity_id
    join system s on s.id = k.system_id
    order by ${order}
  `.execute(db)
  return rows
}
