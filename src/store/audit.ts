import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { auditFacts, auditKind } from '../domain/facts/audit.ts'
import { toMs } from '../domain/facts/instant.ts'
import { newId } from '../domain/id.ts'
import { type Facts, leafOf } from '../domain/leaf.ts'
import { SHORTEST_RETENTION_MS } from '../domain/policy.ts'
import type { Queryable } from './db.ts'
import { appendLedger } from './ledger.ts'
import type { AuditTable } from './tables.ts'

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

/**
 * The latest instant before which rows were removed as past their retention; undefined where none ever were. A word of it counts only
 * where the log has it as it stands, and where it reaches no nearer than any configuration lets it: nobody removes what is younger by
 * writing that it was old.
 */
export async function retentionHorizon(db: Queryable): Promise<Temporal.Instant | undefined> {
  for (let page = 0; ; page++) {
    const words = await retentionWords(db, page)
    for (const { detail, logged, ...row } of words) {
      const before = instantOf(detail)
      if (before === undefined || before > row.at.epochMilliseconds - SHORTEST_RETENTION_MS) continue
      if (logged?.includes(leafOf(auditFacts({ ...row, detail }))) === true) return Temporal.Instant.fromEpochMilliseconds(before)
    }
    if (words.length < WORDS) return undefined
  }
}

/** There is one a day: nearly always the first one counts. */
const WORDS = 100

/** Words of retention, those that reach the farthest first, with the digests under which the log has them. None of a time to come. */
async function retentionWords(db: Queryable, page: number) {
  const { rows } = await sql<Selectable<AuditTable> & { logged: string[] | null }>`
    select a.*, array(
        select encode(e.digest, 'hex') from ledger_entry e where e.ref = a.id and e.kind = 'operator' and a.at < e.at + ${SKEW}
        union all
        select encode(u.digest, 'hex') from ledger_outbox o cross join lateral unnest(o.refs, o.digests) as u (ref, digest)
        where u.ref = a.id and o.kind = 'operator'
      ) as logged
    from audit a where a.action = ${RETENTION_APPLIED} and a.at < now() + ${SKEW}
    order by a.detail ->> 'before' desc, a.id limit ${WORDS} offset ${page * WORDS}
  `.execute(db)
  return rows
}

/** Clocks of replicas differ by less. */
const SKEW = sql.raw(`interval '1 hour'`)

/** Epoch milliseconds; undefined for what is no instant. */
function instantOf({ before }: Facts): number | undefined {
  return typeof before === 'string' ? z.iso.datetime({ offset: true }).transform(Date.parse).safeParse(before).data : undefined
}

/** As the database will give it back: JSON knows no undefined, and jsonb keeps neither NUL nor half of a surrogate pair. */
function asJson(detail: Record<string, unknown>): Facts {
  const text = JSON.stringify(detail, (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value,
  )
  return z.record(z.string(), z.json()).parse(JSON.parse(text))
}
