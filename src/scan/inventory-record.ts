import type { ListingFault, WholeLook } from '../domain/grant.ts'
import { newId } from '../domain/id.ts'
import type { Policy } from '../domain/policy.ts'
import { applySignals, type Raise } from '../findings/apply.ts'
import { grantSignal } from '../findings/signals.ts'
import type { Listed } from '../probe/inventory-ask.ts'
import type { ListedGrant } from '../probe/inventory-items.ts'
import type { Db } from '../store/db.ts'
import { departureOf } from '../store/identity.ts'
import { type DueListing, endGrantsOfPresent, GONE_AFTER, saveListing } from '../store/listing.ts'
import { transact } from '../store/transact.ts'
import type { InventorySystem } from './inventory-system.ts'

export interface RecordDeps {
  db: Db
  policy(): Policy
  raise: Raise
}

/**
 * Records one listing, with what it says of grants and their findings, in one transaction. Answers false, and records nothing, where the
 * identity has come back meanwhile.
 */
export async function recordListing(
  system: Pick<InventorySystem, 'id' | 'kind' | 'name' | 'tier'>,
  of: DueListing,
  listed: Together,
  { assurance, traceId, at }: { assurance: 'controlled' | 'explicit'; traceId: string; at: Temporal.Instant },
  { db, policy, raise }: RecordDeps,
): Promise<boolean> {
  const common = { systemId: system.id, identityId: of.identityId, at }
  return transact(db, async (tx) => {
    const terminatedAt = await departureOf(tx, of.identityId)
    if (terminatedAt === undefined || Temporal.Instant.compare(terminatedAt, at) > 0) return false
    const listingId = newId()
    const moved = await saveListing(tx, {
      ...{ ...common, id: listingId, inventory: system.kind, traceId, assurance },
      outcome: listed.fault === undefined ? 'complete' : 'inconclusive',
      ...{ reason: listed.fault, known: listed.known, parts: listed.parts, looks: listed.looks, grants: listed.grants },
    })
    const signals = moved.map(({ id, seen }) =>
      grantSignal(
        {
          ...{
            ...common,
            grantId: id,
            listingId,
            traceId,
            tier: system.tier,
            system: system.name,
            identityKind: of.identityKind,
            terminatedAt,
          },
          goneAfter: seen ? undefined : GONE_AFTER,
        },
        policy(),
      ),
    )
    await applySignals(tx, signals, policy(), raise)
    return true
  })
}

/** Ends the grants, and their findings, of whoever is here again. Answers how many; `limit` at most. */
export async function endReturned(at: Temporal.Instant, limit: number, { db, policy, raise }: RecordDeps): Promise<number> {
  return transact(db, async (tx) => {
    const ended = await endGrantsOfPresent(tx, at, limit)
    const signals = ended.map(({ id, systemId, identityId }) => ({
      ...{ key: `grant:${id}`, systemId, identityId, grantId: id },
      signal: { holds: false as const, at, needed: 1 },
    }))
    await applySignals(tx, signals, policy(), raise)
    return ended.length
  })
}

/** What was listed for all names of one identity. */
export interface Together extends Pick<Listed, 'known' | 'parts' | 'fault' | 'retryAfterMs'> {
  grants: (ListedGrant & { account: string })[]
  /** Which lists of which account were read to their end. */
  looks: WholeLook[]
}

/** What one answer makes of several accounts of one identity: what is not whole of one is not whole. */
export function together(all: readonly Listed[]): Together {
  const found = all.flatMap(({ account, ...each }) => (account === undefined ? [] : [{ account, ...each }]))
  const owned = found.flatMap(({ account, grants }) => grants.map((grant) => ({ ...grant, account })))
  const grants = new Map(owned.map((grant) => [JSON.stringify([grant.account, grant.list, grant.key]), grant]))
  const parts: Record<string, 'complete' | ListingFault> = {}
  for (const each of all)
    for (const [list, part] of Object.entries(each.parts)) if ((parts[list] ?? 'complete') === 'complete') parts[list] = part
  // Each account by itself: what is found of one proves nothing of another, which may go by another name by now.
  const looks = found.flatMap(({ account, parts, bounds }) =>
    Object.entries(parts).flatMap(([list, part]) => (part === 'complete' ? [{ ...bounds[list], account, list }] : [])),
  )
  // Whoever is not found by one of his names may go by another: then nothing that is listed of the others is all he has.
  const known = all.some((each) => each.known === false) ? false : all.every((each) => each.known === true) ? true : undefined
  const waits = all.flatMap(({ retryAfterMs }) => retryAfterMs ?? [])
  return {
    known,
    grants: [...grants.values()],
    parts,
    looks,
    fault: all.find(({ fault }) => fault !== undefined)?.fault,
    retryAfterMs: waits.length === 0 ? undefined : Math.max(...waits),
  }
}
