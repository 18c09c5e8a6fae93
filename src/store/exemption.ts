import type { Selectable } from 'kysely'
import { exemptionFacts } from '../domain/facts/exemption.ts'
import { toMs } from '../domain/facts/instant.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import { appendLedger } from './ledger.ts'
import type { ExemptionTable } from './tables.ts'

/** Grants an exemption and hands it to the ledger, in the caller's transaction. Its instants are cut to their milliseconds. */
export async function grantExemption(db: Queryable, exemption: Omit<Selectable<ExemptionTable>, 'revoked_at'>): Promise<void> {
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
