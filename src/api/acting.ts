import { RevenantError } from '../domain/error.ts'
import type { ActDeps } from '../findings/act.ts'
import type { CredentialIntakeDeps } from '../intake/credentials.ts'
import { findSystem, type SystemRow } from '../store/system.ts'
import type { RouteContext } from './route.ts'

/** What an action is done with: the database, and whose name the audit gets. */
export function actDeps({ deps, actor }: Pick<RouteContext, 'deps' | 'actor'>): ActDeps {
  return { db: deps.db, actor: actor.name, now: deps.now }
}

/** The same for everything that comes in. */
export function intakeDeps({ deps, actor }: Pick<RouteContext, 'deps' | 'actor'>): CredentialIntakeDeps {
  const { db, jobs, custody, now, onOwnership } = deps
  const { policy } = deps.config()
  return { db, jobs, custody, now, onOwnership, policy, actor: actor.name, bindings: deps.actions.bindings() }
}

/** A system by its id. Throws `NOT_FOUND`, and `CONFLICT` for one that the configuration no longer names. */
export async function systemInUse({ deps }: Pick<RouteContext, 'deps'>, id: string): Promise<SystemRow> {
  const row = await findSystem(deps.db, id)
  if (row === undefined) throw new RevenantError('NOT_FOUND', 'there is no system of this id')
  if (row.retired_at !== null) throw new RevenantError('CONFLICT', 'the system is retired: the configuration no longer names it')
  return row
}
