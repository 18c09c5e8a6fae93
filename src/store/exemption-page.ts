import { type RawBuilder, sql } from 'kysely'
import type { FindingKind } from '../domain/finding.ts'
import type { Queryable } from './db.ts'
import { allOf, type Keyset, keyset, oneOf, type PageAsk, type SortKeys } from './keyset.ts'
import { at, type CredentialRef, credentialRef, type IdentityRef, identityRef, type SystemRef, systemRef, told } from './told.ts'

const ID = { column: sql`e.id`, type: 'uuid' } as const
export const EXEMPTION_SORTS = {
  createdAt: [{ column: sql`e.created_at`, type: 'timestamptz' }, ID],
  endsAt: [{ column: sql`e.ends_at`, type: 'timestamptz' }, ID],
} as const satisfies Record<string, SortKeys>

export type ExemptionState = 'coming' | 'in_force' | 'ended' | 'revoked'

export interface ExemptionFilter {
  state?: readonly ExemptionState[] | undefined
  kind?: readonly FindingKind[] | undefined
  owner?: string | undefined
  identityId?: string | undefined
  systemId?: string | undefined
  credentialId?: string | undefined
}

export interface ToldExemption {
  id: string
  state: ExemptionState
  kind: FindingKind | null
  identity: IdentityRef | null
  system: SystemRef | null
  credential: CredentialRef | null
  owner: string
  reason: string
  startsAt: string
  endsAt: string
  createdAt: string
  createdBy: string
  revokedAt: string | null
  silenced: number
}

export async function exemptionPage(
  db: Queryable,
  filter: ExemptionFilter,
  ask: PageAsk<keyof typeof EXEMPTION_SORTS>,
  now: Temporal.Instant,
): Promise<(ToldExemption & { keys: string[] })[]> {
  const { past, order, keys } = keyset(EXEMPTION_SORTS, ask)
  const { state, kind, owner, identityId, systemId, credentialId } = filter
  const wanted = allOf([
    oneOf(stateOf(now), state),
    oneOf(sql`e.finding_kind`, kind),
    owner === undefined ? undefined : sql`e.owner = ${owner}`,
    identityId === undefined ? undefined : sql`e.identity_id = ${identityId}::uuid`,
    systemId === undefined ? undefined : sql`e.system_id = ${systemId}::uuid`,
    credentialId === undefined ? undefined : sql`e.credential_id = ${credentialId}::uuid`,
    past,
  ])
  return tell(db, sql`select e.* from exemption e where ${wanted} order by ${order} limit ${ask.limit}`, { order, keys }, now)
}

/** One exemption; undefined where there is none of this id. */
export async function toldExemption(db: Queryable, id: string, now: Temporal.Instant): Promise<ToldExemption | undefined> {
  const [row] = await tell(db, sql`select e.* from exemption e where e.id = ${id}::uuid`, ALONE, now)
  return row === undefined ? undefined : withoutKeys(row)
}

/** The exemptions in force that cover a finding. */
export async function exemptionsCovering(db: Queryable, findingId: string, now: Temporal.Instant): Promise<ToldExemption[]> {
  const page = sql`select e.* from exemption e join finding f on f.id = ${findingId}::uuid where ${COVERS} and ${inForce(now)}`
  return (await tell(db, page, ALONE, now)).map(withoutKeys)
}

const ALONE: Pick<Keyset, 'order' | 'keys'> = { order: sql`e.id`, keys: sql`null` }

function withoutKeys({ keys: _, ...exemption }: ToldExemption & { keys: string[] }): ToldExemption {
  return exemption
}

/** Whether an exemption `e` covers a finding `f`: everything that it names must fit. */
const COVERS = sql<boolean>`((e.finding_kind is null or e.finding_kind = f.kind) and (e.credential_id is null or e.credential_id = f.credential_id)
  and (e.identity_id is null or e.identity_id = f.identity_id) and (e.system_id is null or e.system_id = f.system_id))`

function inForce(now: Temporal.Instant): RawBuilder<boolean> {
  return sql`(e.revoked_at is null and e.starts_at <= ${at(now)} and e.ends_at > ${at(now)})`
}

function stateOf(now: Temporal.Instant): RawBuilder<ExemptionState> {
  return sql`case when e.revoked_at is not null then 'revoked' when e.starts_at > ${at(now)} then 'coming'
    when e.ends_at > ${at(now)} then 'in_force' else 'ended' end`
}

async function tell(
  db: Queryable,
  page: RawBuilder<unknown>,
  { order, keys }: Pick<Keyset, 'order' | 'keys'>,
  now: Temporal.Instant,
): Promise<(ToldExemption & { keys: string[] })[]> {
  const { rows } = await sql<ToldExemption & { keys: string[] }>`
    select e.id, ${stateOf(now)} as state, e.finding_kind as kind, ${identityRef('i')} as identity, ${systemRef('s')} as system,
      ${credentialRef('k')} as credential, e.owner, e.reason, ${told(sql`e.starts_at`)} as "startsAt", ${told(sql`e.ends_at`)} as "endsAt",
      ${told(sql`e.created_at`)} as "createdAt", e.created_by as "createdBy", ${told(sql`e.revoked_at`)} as "revokedAt",
      case when not ${inForce(now)} then 0 ${silencedBy('credential_id')} ${silencedBy('identity_id')} ${silencedBy('system_id')} end as silenced,
      ${keys} as keys
    from (${page}) e left join identity i on i.id = e.identity_id left join system s on s.id = e.system_id
    left join credential k on k.id = e.credential_id order by ${order}
  `.execute(db)
  return rows
}

/** One of the three is always named: an index finds what it names. */
function silencedBy(named: 'credential_id' | 'identity_id' | 'system_id'): RawBuilder<unknown> {
  const [covering, found] = [sql.ref(`e.${named}`), sql.ref(`f.${named}`)]
  return sql`when ${covering} is not null then (select count(*)::int from finding f where ${found} = ${covering} and f.state <> 'resolved' and ${COVERS})`
}
