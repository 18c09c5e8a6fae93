import type { PgBoss } from 'pg-boss'
import type { Claims } from '../store/claims.ts'

/** What the jobs of a queue are claimed by. */
export type ClaimKey = (data: unknown) => string

/** A job that was taken this lately may not have made its claim yet. */
const CLAIMING_MS = 1_000

/**
 * Fails the active jobs of a queue (of one key, where it is given) that no living process holds a claim on: their workers died.
 * Answers whether there were any. Costs one query where nothing is active.
 */
export async function freeOrphans(
  boss: PgBoss,
  queue: string,
  claims: Claims,
  claimKey: ClaimKey,
  key?: string,
): Promise<boolean> {
  const active = (await boss.findJobs(queue, key === undefined ? {} : { key })).filter((job) => job.state === 'active')
  if (active.length === 0 || !(await claims.tellsTheDead())) return false
  let freed = false
  for (const job of active) {
    const claim = await claims.take(claimKey(job.data))
    if (claim === undefined) continue
    try {
      if (claim.at.epochMilliseconds - job.startedOn.getTime() < CLAIMING_MS) continue
      await boss.fail(queue, job.id, { message: 'its worker died' })
      freed = true
    } finally {
      await claim.release()
    }
  }
  return freed
}
