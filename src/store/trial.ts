import type { Assurance } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'

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

export async function finishTrial(db: Queryable, id: string, end: TrialEnd): Promise<void> {
  const { finishedAt, ...rest } = end
  await db
    .updateTable('trial')
    .set({ ...rest, finished_at: finishedAt.toString() })
    .where('id', '=', id)
    .execute()
}
