import { sql } from 'kysely'
import type { Privilege } from '../domain/credential.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Queryable } from './db.ts'

export interface DueSystem {
  id: string
  name: string
  zone: string
  shards: number
}

/**
 * The systems of these zones that have a credential due and may be tried: not paused, not held, not outside their window. One
 * index probe a system, whatever the number of credentials.
 */
export async function dueSystems(db: Queryable, zones: readonly string[], now: Temporal.Instant): Promise<DueSystem[]> {
  if (zones.length === 0) return []
  const at = now.toString()
  return db
    .selectFrom('system as s')
    .select(['s.id', 's.name', 's.zone', 's.shards'])
    .where('s.zone', 'in', [...zones])
    .where('s.retired_at', 'is', null)
    .where((eb) => eb.or([eb('s.hold_until', 'is', null), eb('s.hold_until', '<=', sql<Temporal.Instant>`${at}`)]))
    .where((eb) => eb.or([eb('s.schedule', 'is', null), eb('s.schedule_due_at', '<=', sql<Temporal.Instant>`${at}`)]))
    .where((eb) =>
      eb.not(eb.exists(eb.selectFrom('pause as p').select('p.scope').where('p.scope', 'in', ['*', sql<string>`s.id::text`]))),
    )
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('check_state as c')
          .select('c.credential_id')
          .whereRef('c.system_id', '=', 's.id')
          .where('c.due_at', '<=', sql<Temporal.Instant>`${at}`)
          // Whoever is here is never tried, whatever has made it due.
          .where('c.terminated_at', '<=', sql<Temporal.Instant>`${at}`),
      ),
    )
    .execute()
}

/** A credential that is due, with what the replay and the judgement of it need. */
export interface DueCredential {
  credential_id: string
  identity_id: string
  /** Text, exact to the microsecond: a page goes on from it. */
  due_at: string
  /** Epoch milliseconds, like the other numbers of this row that end in `_ms`: they are read for each of a million credentials. */
  terminated_ms: number
  /** Its holder has left, by the row of the identity itself. */
  gone: boolean
  identity_kind: IdentityKind
  privilege: Privilege
  credential_kind: string
  shared: boolean
  handover_ms: number | null
  principal: string | null
  secret_origin: string
  sealed: Uint8Array | null
  data_key_id: string | null
  reference: string | null
  reference_mac: Uint8Array | null
  pinned: string | null
  /** Names the secret that was registered. */
  fingerprint: string
  dead: boolean
  confirmed_ms: number | null
  rejections: number
  failures: number
  /** `performance.now()` of the reading; whoever reads it sets it. */
  read_ms?: number
}

export interface DueQuestion {
  systemId: string
  shard: number
  shards: number
  now: Temporal.Instant
  limit: number
  /** The last row of the page before. */
  after: { dueAt: string; credentialId: string } | undefined
}

/** One page of what is due in a system's shard, oldest first (keyset). `due_at` is text, exact to the microsecond, to go on from. */
export async function duePage(db: Queryable, question: DueQuestion): Promise<DueCredential[]> {
  const { after } = question
  const past =
    after === undefined
      ? sql`true`
      : sql`(c.due_at, c.credential_id) > (${after.dueAt}::timestamptz, ${after.credentialId}::uuid)`
  const now = sql`${question.now.toString()}::timestamptz`
  const shard = question.shards === 1 ? sql`true` : sql`c.slot % ${question.shards}::smallint = ${question.shard}::smallint`
  // The page is cut from the one index first: joined the other way round, each page would read whole tables.
  const { rows } = await sql<DueCredential>`
    with due as materialized (
      select c.credential_id, c.due_at, c.terminated_at, c.dead_at, c.confirmed_at, c.rejections, c.failures
      from check_state c
      where c.system_id = ${question.systemId}::uuid and c.due_at <= ${now} and c.terminated_at <= ${now} and ${shard} and ${past}
      order by c.due_at, c.credential_id
      limit ${question.limit}
    )
    select d.credential_id, k.identity_id, d.due_at::text as due_at, round(extract(epoch from d.terminated_at) * 1000)::float8 as terminated_ms,
      coalesce(i.terminated_at <= ${now}, false) as gone,
      i.kind as identity_kind, k.privilege, k.kind as credential_kind, k.shared, round(extract(epoch from k.handover_by) * 1000)::float8 as handover_ms, k.principal,
      s.origin as secret_origin, s.sealed, s.data_key_id, s.reference, s.reference_mac, s.pinned, k.fingerprint,
      d.dead_at is not null as dead, round(extract(epoch from d.confirmed_at) * 1000)::float8 as confirmed_ms, d.rejections, d.failures
    from due d
    join credential k on k.id = d.credential_id
    join identity i on i.id = k.identity_id
    join secret s on s.credential_id = d.credential_id
    order by d.due_at, d.credential_id
  `.execute(db)
  return rows
}

/** Whether a credential is still due as it was read, and its holder gone: whoever came back, was retired or got another secret is not. */
export async function isStillDue(
  db: Queryable,
  { credential_id, due_at }: Pick<DueCredential, 'credential_id' | 'due_at'>,
  now: Temporal.Instant,
): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select true as found from check_state c join credential k on k.id = c.credential_id join identity i on i.id = k.identity_id
    where c.credential_id = ${credential_id}::uuid and c.due_at = ${due_at}::timestamptz and i.terminated_at <= ${now.toString()}::timestamptz
  `.execute(db)
  return rows.length > 0
}

/** How many credentials of a system are due. For summaries, not for the hot path. */
export async function countDue(db: Queryable, now: Temporal.Instant, systemId?: string): Promise<number> {
  const scope = systemId === undefined ? sql`true` : sql`system_id = ${systemId}::uuid`
  const { rows } = await sql<{
    n: number
  }>`select count(*)::int as n from check_state where due_at <= ${now.toString()}::timestamptz and ${scope}`.execute(db)
  return rows[0]?.n ?? 0
}
