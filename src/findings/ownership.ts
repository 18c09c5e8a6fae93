import { RevenantError } from '../domain/error.ts'
import type { Policy } from '../domain/policy.ts'
import { audit } from '../store/audit.ts'
import type { Queryable } from '../store/db.ts'
import { setOwner } from '../store/handover.ts'
import { type IdentityRow, lockIdentities, type Ownership, ownershipsOf } from '../store/identity.ts'
import { transact } from '../store/transact.ts'
import type { ActDeps } from './act.ts'
import { applySignals, type Raise } from './apply.ts'
import { orphanSignal } from './signals.ts'

export interface OwnershipDeps extends ActDeps {
  policy: Policy
  raise: Raise
}

/** Opens and closes `orphaned_identity` as ownerships are now, in the caller's transaction. */
export async function settleOwnership(
  tx: Queryable,
  ownerships: readonly Ownership[],
  at: Temporal.Instant,
  { policy, raise }: Pick<OwnershipDeps, 'policy' | 'raise'>,
): Promise<void> {
  const signals = ownerships.map(({ identityId, kind, orphaned }) =>
    orphanSignal({ at, identityId, identityKind: kind, holds: orphaned }, policy),
  )
  await applySignals(tx, signals, policy, raise)
}

/**
 * Makes somebody else answer for a service or an agent. False: he does already. Throws `NOT_FOUND`, and `INPUT_INVALID` where it is a
 * human, or its new owner is none or has left.
 */
export async function transferIdentity(
  externalId: string,
  ownerExternalId: string,
  reason: string | undefined,
  deps: OwnershipDeps,
): Promise<boolean> {
  return transact(deps.db, async (tx) => {
    const now = deps.now()
    const known = await lockIdentities(tx, [externalId, ownerExternalId], 'update')
    const owned = identityOf(known, externalId)
    const owner = checkOwner(identityOf(known, ownerExternalId), now)
    if (owned.kind === 'human') throw new RevenantError('INPUT_INVALID', 'a human has no owner: services and agents have')
    if (owned.owner_external_id === owner.external_id) return false
    await changeOwner(tx, [owned], owner, now, deps)
    const detail = { from: owned.owner_external_id, to: owner.external_id, reason }
    await audit(tx, { actor: deps.actor, action: 'identity.transfer', subject: externalId, detail, at: now })
    return true
  })
}

/** Writes the owner of locked identities, and what follows of it. */
export async function changeOwner(
  tx: Queryable,
  owned: readonly { id: string }[],
  owner: IdentityRow,
  now: Temporal.Instant,
  deps: OwnershipDeps,
): Promise<void> {
  const ids = owned.map(({ id }) => id)
  if (ids.length === 0) return
  await setOwner(tx, ids, owner.external_id, now)
  await settleOwnership(tx, await ownershipsOf(tx, { identityIds: ids, ownerExternalIds: [] }, now), now, deps)
}

/** Throws `INPUT_INVALID`: only a human who is here can answer for something. */
export function checkOwner(owner: IdentityRow, now: Temporal.Instant): IdentityRow {
  if (owner.kind !== 'human') throw new RevenantError('INPUT_INVALID', 'the new owner is no human: a human has to answer for it')
  if (hasLeft(owner, now)) throw new RevenantError('INPUT_INVALID', 'the new owner has left')
  return owner
}

export function hasLeft({ terminated_at }: IdentityRow, by: Temporal.Instant): boolean {
  return terminated_at !== null && Temporal.Instant.compare(terminated_at, by) <= 0
}

export function identityOf(known: ReadonlyMap<string, IdentityRow>, externalId: string): IdentityRow {
  const row = known.get(externalId)
  if (row === undefined) throw new RevenantError('NOT_FOUND', `no identity has the external id ${JSON.stringify(externalId)}`)
  return row
}
