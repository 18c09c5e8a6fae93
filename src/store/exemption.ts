import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import { exemptionFacts } from '../domain/facts/exemption.ts'
import { toMs } from '../domain/facts/instant.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import type { FindingRow } from './finding.ts'
import { appendLedger } from './ledger.ts'
import type { ExemptionTable } from './tables.ts'

export type ExemptionRow = Selectable<ExemptionTable>
export type NewExemption = Omit<ExemptionRow, 'revoked_at'>

/** Grants an exemption and hands it to the ledger, in the caller's transaction. Its instants are cut to their milliseconds. */
export async function grantExemption(db: Queryable, exemption: NewExemption): Promise<void> {
  const row = {
    ...exemption,
    starts_at: toMs(exemption.starts_at),
    ends_at: toMs(exemption.ends_at),
    created_at: toMs(exemption.created_at),
  }
  await db
    .insertInto('exemption')
    .values({
      ...row,
      starts_at: row.starts_at.toString(),
      ends_at: row.ends_at.toString(),
      created_at: row.created_at.toString(),
    })
    .execute()
  await appendLedger(db, 'exemption', [{ ref: row.id, digest: leafOf(exemptionFacts(row)) }])
}

export async function exemptionById(db: Queryable, id: string): Promise<ExemptionRow | undefined> {
  return db.selectFrom('exemption').selectAll().where('id', '=', id).executeTakeFirst()
}

/** The same, locked until the transaction ends. */
export async function lockExemption(tx: Queryable, id: string): Promise<ExemptionRow | undefined> {
  return tx.selectFrom('exemption').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
}

/** An exemption in force at `at` that says the same as this one: of the same things, with the same owner, reason and end. */
export async function standingExemption(
  db: Queryable,
  row: NewExemption,
  at: Temporal.Instant,
): Promise<ExemptionRow | undefined> {
  const { rows } = await sql<ExemptionRow>`
    select * from exemption
    where revoked_at is null and starts_at <= ${toMs(row.starts_at).toString()}::timestamptz and ends_at > ${at.toString()}::timestamptz
      and ends_at = ${toMs(row.ends_at).toString()}::timestamptz and owner = ${row.owner} and reason = ${row.reason}
      and finding_kind is not distinct from ${row.finding_kind}::text and credential_id is not distinct from ${row.credential_id}::uuid
      and identity_id is not distinct from ${row.identity_id}::uuid and system_id is not distinct from ${row.system_id}::uuid
    limit 1
  `.execute(db)
  return rows[0]
}

/** Takes an exemption back; false where it is over, or was taken back before. */
export async function revokeExemption(db: Queryable, id: string, at: Temporal.Instant): Promise<boolean> {
  const { rows } = await sql`
    update exemption set revoked_at = ${at.toString()}::timestamptz
    where id = ${id}::uuid and revoked_at is null and ends_at > ${at.toString()}::timestamptz returning id
  `.execute(db)
  return rows.length > 0
}

/** Silences the unresolved findings that an exemption covers and none did yet; answers them as they are now. */
export async function silenceFindings(tx: Queryable, exemptionId: string): Promise<FindingRow[]> {
  const { rows } = await sql<FindingRow>`
    with covered as (
      select f.id from finding f join exemption e on e.id = ${exemptionId}::uuid
      where f.state <> 'resolved' and not f.exempted
        and (e.finding_kind is null or e.finding_kind = f.kind) and (e.credential_id is null or e.credential_id = f.credential_id)
        and (e.identity_id is null or e.identity_id = f.identity_id) and (e.system_id is null or e.system_id = f.system_id)
      order by f.key collate "C" for update of f
    )
    update finding f set exempted = true, state = 'acknowledged' from covered where f.id = covered.id returning f.*
  `.execute(tx)
  return rows
}

/** Which of the things that an exemption names there is not; undefined where there are all. */
export async function knownScope(
  db: Queryable,
  scope: { credentialId?: string; identityId?: string; systemId?: string },
): Promise<'credential' | 'identity' | 'system' | undefined> {
  const asked = [
    ['credential', scope.credentialId],
    ['identity', scope.identityId],
    ['system', scope.systemId],
  ] as const
  for (const [table, id] of asked) {
    if (id === undefined) continue
    const found = await db.selectFrom(table).select('id').where('id', '=', id).executeTakeFirst()
    if (found === undefined) return table
  }
  return undefined
}
