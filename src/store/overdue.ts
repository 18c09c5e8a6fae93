import { sql } from 'kysely'
import type { Privilege } from '../domain/credential.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Tier } from '../domain/system.ts'
import type { Queryable } from './db.ts'
import { type FindingRow, isExempt } from './finding.ts'

export interface OverdueCredential {
  credentialId: string
  identityId: string
  systemId: string
  tier: Tier
  /** Its system's name. */
  system: string
  identityKind: IdentityKind
  privilege: Privilege
  credentialKind: string
  terminatedAt: Temporal.Instant
}

/**
 * Takes the credentials whose judgement is overdue: clears their `verify_by`, so that each is taken once, until a judgement sets it
 * again. Rows that another replica is taking are left to it.
 */
export async function takeOverdue(db: Queryable, now: Temporal.Instant, limit: number): Promise<OverdueCredential[]> {
  const { rows } = await sql<OverdueCredential>`
    with taken as (
      update check_state set verify_by = null
      where credential_id in (
        select credential_id from check_state where verify_by <= ${now.toString()}::timestamptz
        order by verify_by limit ${limit} for update skip locked
      )
      returning credential_id, system_id, terminated_at
    )
    select t.credential_id as "credentialId", k.identity_id as "identityId", t.system_id as "systemId", s.tier, s.name as system,
      i.kind as "identityKind", k.privilege, k.kind as "credentialKind", coalesce(t.terminated_at, ${now.toString()}::timestamptz) as "terminatedAt"
    from taken t
    join credential k on k.id = t.credential_id
    join identity i on i.id = k.identity_id
    join system s on s.id = t.system_id
  `.execute(db)
  return rows
}

/** A finding, and what its severity is made of; null where it is about none. */
export interface StaleFinding extends FindingRow {
  tier: Tier | null
  /** Its system's name. */
  system: string | null
  identityKind: IdentityKind | null
  privilege: Privilege | null
  credentialKind: string | null
  /** Of the credential's holder, as its check has it. */
  terminatedAt: Temporal.Instant | null
  handoverBy: Temporal.Instant | null
}

/**
 * Open findings whose last alert is of `alertedBefore` or older, the oldest first, locked until the transaction ends. Rows that another
 * replica is at are left to it. What an exemption covers at `at` is left out, though it may not have been silenced yet, and so is what
 * nothing tries any more (`isStillTried`): of a retired credential, or of somebody who came back.
 */
export async function lockStale(
  db: Queryable,
  { at, alertedBefore, limit }: { at: Temporal.Instant; alertedBefore: Temporal.Instant; limit: number },
): Promise<StaleFinding[]> {
  const { rows } = await sql<StaleFinding>`
    select f.*, s.tier, s.name as system, i.kind as "identityKind", k.privilege, k.kind as "credentialKind", c.terminated_at as "terminatedAt", k.handover_by as "handoverBy"
    from finding f
    left join system s on s.id = f.system_id
    left join identity i on i.id = f.identity_id
    left join credential k on k.id = f.credential_id
    left join check_state c on c.credential_id = f.credential_id
    where f.state = 'open' and not f.exempted and f.alerted_at <= ${alertedBefore.toString()}::timestamptz and not ${isExempt(at)}
      and case
        when f.credential_id is not null then c.due_at is not null and s.retired_at is null
        when f.grant_id is not null then s.retired_at is null
        when f.system_id is not null then s.retired_at is null and exists (
          select 1 from check_state o where o.system_id = f.system_id and o.due_at is not null
        )
        else true
      end
    order by f.alerted_at limit ${limit} for update of f skip locked
  `.execute(db)
  return rows
}
