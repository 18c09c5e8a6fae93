import { audit } from '../store/audit.ts'
import type { Db } from '../store/db.ts'
import { pause, resume } from '../store/pause.ts'
import { transact } from '../store/transact.ts'

export interface PauseDeps {
  db: Db
  /** Who does it, for the audit. */
  actor: string
  now(): Temporal.Instant
}

/** What is paused: a system, or everything (`EVERYTHING`). */
export interface PauseScope {
  id: string
  /** As the audit calls it. */
  name: string
}

export const EVERYTHING: PauseScope = { id: '*', name: 'everything' }

/** Pauses: no new replay starts. False: it was paused already, and the first note stays. */
export async function pauseScope(scope: PauseScope, note: string, { db, actor, now }: PauseDeps): Promise<boolean> {
  return transact(db, async (tx) => {
    const at = now()
    if (!(await pause(tx, scope.id, actor, note, at))) return false
    await audit(tx, { actor, action: 'pause', subject: scope.name, detail: { note }, at })
    return true
  })
}

/** Lets replays start again; the next tick finds what fell due meanwhile. False: it was not paused. */
export async function resumeScope(scope: PauseScope, { db, actor, now }: PauseDeps): Promise<boolean> {
  return transact(db, async (tx) => {
    if (!(await resume(tx, scope.id))) return false
    await audit(tx, { actor, action: 'resume', subject: scope.name, at: now() })
    return true
  })
}
