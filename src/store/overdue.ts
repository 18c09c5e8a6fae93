import { sql } from 'kysely'
import type { Privilege } from '../domain/credential.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Tier } from '../domain/system.ts'
import type { Queryable } from './db.ts'

export interface OverdueCredential {
  credentialId: string
  identityId: string
  systemId: string
  tier: Tier
  identityKind: IdentityKind
  privilege: Privilege
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
    select t.credential_id as "credentialId", k.identity_id as "identityId", t.system_id as "systemId", s.tier,
      i.kind as "identityKind", k.privilege, coalesce(t.terminated_at, ${now.toString()}::timestamptz) as "terminatedAt"
    from taken t
    join credential k on k.id = t.credential_id
    join identity i on i.id = k.identity_id
    join system s on s.id = t.system_id
  `.execute(db)
  return rows
}
