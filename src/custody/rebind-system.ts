import { audit } from '../store/audit.ts'
import type { Db } from '../store/db.ts'
import { rebindSystem as bind, type SystemRow } from '../store/system.ts'
import { transact } from '../store/transact.ts'
import type { Custody } from './custody.ts'
import type { ResealReport } from './rotation.ts'

export interface RebindDeps {
  db: Db
  custody: Pick<Custody, 'rebind'>
  /** Who does it, for the audit. */
  actor: string
  now(): Temporal.Instant
}

export interface Rebound extends ResealReport {
  from: string
  to: string
}

/**
 * Binds a system and its secrets to the origin that the configuration names today; undefined where it is bound to it already. Its
 * controls run anew before anything is replayed. The secrets first: until the last of them is bound, nothing of the system is tried,
 * and what a crash cut short is finished by asking again.
 */
export async function rebindSystem(row: SystemRow, deps: RebindDeps): Promise<Rebound | undefined> {
  const { bound_origin: from, origin: to } = row
  if (from === to) return undefined
  const report = await deps.custody.rebind(row.id, to)
  await transact(deps.db, async (tx) => {
    const by = { actor: deps.actor, at: deps.now() }
    await bind(tx, row.id, to, by)
    const detail = { from, to, resealed: report.resealed, broken: report.broken.length }
    await audit(tx, { ...by, action: 'system.rebind', subject: row.name, detail })
  })
  return { from, to, ...report }
}
