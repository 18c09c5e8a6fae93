import { activeJobs } from '../store/active-jobs.ts'
import type { Claims } from '../store/claims.ts'
import type { Queryable } from '../store/db.ts'
import type { ClaimKey } from './orphans.ts'

export interface OrphanWatch {
  /** Looks once. */
  look(): Promise<void>
  close(): void
}

export interface OrphanWatchDeps {
  boss: { fail(queue: string, id: string, output: object): Promise<unknown> }
  db: Queryable
  claims: Claims
  claimKey: ClaimKey
  /** What is watched, now. */
  queues(): readonly string[]
  /** Jobs have been freed: nobody else is told of it. */
  freed(): void
  onError(error: unknown): void
}

/** A job without a claim is freed at the second look, so that one whose worker died waits for six seconds at most. */
const LOOK_MS = 3_000
/** A job that was taken this lately may not have made its claim yet. */
const CLAIMING_MS = 1_000

/**
 * Frees, every few seconds, jobs whose workers died with their process: nobody holds the claim on them any more. Costs one query a look
 * where nothing is active. A worker gives its claim back a moment before its job is settled: that is why one look proves nothing.
 */
export function openOrphanWatch(deps: OrphanWatchDeps): OrphanWatch {
  let suspects: ReadonlySet<string> = new Set()
  let looking = false
  const look = async () => {
    // A slow database must not pile looks up.
    if (looking) return
    looking = true
    try {
      const found = await unclaimed(deps, suspects)
      suspects = found.suspects
      if (found.freed > 0) deps.freed()
    } catch (error) {
      deps.onError(error)
    } finally {
      looking = false
    }
  }
  const timer = setInterval(() => void look(), LOOK_MS).unref()
  return { look, close: () => clearInterval(timer) }
}

/** Fails the suspects that still have no claim on them, and answers the new ones. */
async function unclaimed({ boss, db, claims, claimKey, queues }: OrphanWatchDeps, known: ReadonlySet<string>) {
  const suspects = new Set<string>()
  const active = await activeJobs(db, queues(), CLAIMING_MS)
  if (active.length === 0 || !(await claims.tellsTheDead())) return { suspects, freed: 0 }
  let freed = 0
  for (const { id, queue, data } of active) {
    const claim = await claims.take(claimKey(data))
    if (claim === undefined) continue
    try {
      if (known.has(id)) {
        await boss.fail(queue, id, { message: 'its worker died' })
        freed++
      } else suspects.add(id)
    } finally {
      await claim.release()
    }
  }
  return { suspects, freed }
}
