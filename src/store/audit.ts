import { sql } from 'kysely'
import { z } from 'zod'
import { auditFacts, auditKind } from '../domain/facts/audit.ts'
import { toMs } from '../domain/facts/instant.ts'
import { newId } from '../domain/id.ts'
import { type Facts, leafOf } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import { appendLedger } from './ledger.ts'

export interface AuditEntry {
  actor: string
  /** `noun.verb`; those of `configuration.` are configuration changes in the ledger, all others operator actions. */
  action: string
  subject: string
  /** Facts, never a secret. What JSON leaves out is left out. */
  detail?: Record<string, unknown>
  at: Temporal.Instant
}

/** Records what an operator did, and hands it to the ledger in one transaction (the caller's, where it has one). */
export async function audit(db: Queryable, entry: AuditEntry): Promise<void> {
  if (!db.isTransaction) return db.transaction().execute((tx) => audit(tx, entry))
  const { actor, action, subject } = entry
  const row = { id: newId(), at: toMs(entry.at), actor, action, subject, detail: asJson(entry.detail ?? {}) }
  await db
    .insertInto('audit')
    .values({ ...row, at: row.at.toString(), detail: JSON.stringify(row.detail) })
    .execute()
  await appendLedger(db, auditKind(action), [{ ref: row.id, digest: leafOf(auditFacts(row)) }])
}

/** The last thing that this actor did under this name. */
export async function lastAudit(
  db: Queryable,
  action: string,
  actor: string,
): Promise<{ at: Temporal.Instant; detail: Facts } | undefined> {
  return db
    .selectFrom('audit')
    .select(['at', 'detail'])
    .where('action', '=', action)
    .where('actor', '=', actor)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** The action under which the removal of rows that are past their retention is logged. */
export const RETENTION_APPLIED = 'retention.applied'

/** The latest instant before which rows were removed as past their retention; undefined where none ever were. */
export async function retentionHorizon(db: Queryable): Promise<Temporal.Instant | undefined> {
  const { rows } = await sql<{ before: Temporal.Instant | null }>`
    select max((detail ->> 'before')::timestamptz) as before from audit where action = ${RETENTION_APPLIED}
  `.execute(db)
  return rows[0]?.before ?? undefined
}

/** As the database will give it back: JSON knows no undefined, and jsonb keeps neither NUL nor half of a surrogate pair. */
function asJson(detail: Record<string, unknown>): Facts {
  const text = JSON.stringify(detail, (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value,
  )
  return z.record(z.string(), z.json()).parse(JSON.parse(text))
}
