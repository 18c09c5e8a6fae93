import { trialFacts } from '../domain/facts/trial.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Assurance } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import { appendLedger } from './ledger.ts'

export interface TrialStart {
  id: string
  systemId: string
  shard: number
  zone: string
  instance: string
  traceId: string
  startedAt: Temporal.Instant
}

export interface TrialEnd {
  outcome: string
  assurance: Assurance
  accepted: number
  rejected: number
  inconclusive: number
  finishedAt: Temporal.Instant
}

export async function startTrial(db: Queryable, trial: TrialStart): Promise<void> {
  await db
    .insertInto('trial')
    .values({
      id: trial.id,
      system_id: trial.systemId,
      shard: trial.shard,
      zone: trial.zone,
      instance: trial.instance,
      trace_id: trial.traceId,
      started_at: trial.startedAt.toString(),
    })
    .execute()
}

/** Ends a trial and hands it to the ledger, in one transaction. The facts are those of the stored row, whatever was rounded on the way. */
export async function finishTrial(db: Queryable, id: string, end: TrialEnd): Promise<void> {
  if (!db.isTransaction) return db.transaction().execute((tx) => finishTrial(tx, id, end))
  const { finishedAt, ...rest } = end
  const row = await db
    .updateTable('trial')
    .set({ ...rest, finished_at: finishedAt.toString() })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  if (row !== undefined) await appendLedger(db, 'trial', [{ ref: id, digest: leafOf(trialFacts(row)) }])
}
