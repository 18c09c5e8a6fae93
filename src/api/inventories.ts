import type { InventoryConfig } from '../config/inventory-schema.ts'
import { type PersonName, TURN_REST } from '../domain/grant.ts'
import { listingTurns, type ToldTurn } from '../store/grant-page.ts'
import { type LookCounts, lookCounts } from '../store/listing.ts'
import { systemIdOf } from '../store/system-page.ts'
import type { ApiDeps } from './deps.ts'
import { kept } from './kept.ts'
import type { Inventory } from './schemas/grant.ts'

/** At least so long the last looks are not counted again: there is one at each system for everybody who left. */
const KEPT_MS = 3_000

/** Every system that the configuration gives an inventory, or that was asked by one: how it stands, by name. @param wanted id of the only one */
export async function inventories(deps: ApiDeps, wanted: string | undefined): Promise<Inventory[]> {
  const configured = await keptLooks(deps, 'all')
  const turns = new Map((await listingTurns(deps.db, deps.now())).map((turn) => [turn.systemId, turn]))
  const ids = [...new Set([...configured.keys(), ...turns.keys()])].filter((id) => wanted === undefined || id === wanted)
  return ids.map((id) => told(id, configured.get(id), turns.get(id))).toSorted((a, b) => (a.system < b.system ? -1 : 1))
}

interface Looked {
  name: string
  by: PersonName
  inventory: InventoryConfig
  looks: LookCounts
}

const keptLooks = kept(KEPT_MS, async (deps: ApiDeps, _: 'all'): Promise<Map<string, Looked>> => {
  const { db, config, now, actions } = deps
  const found = new Map<string, Looked>()
  for (const { name, inventory } of config().systems) {
    const systemId = inventory === undefined ? undefined : await systemIdOf(db, name)
    if (inventory === undefined || systemId === undefined) continue
    const by = inventory.by ?? (await actions.inventoryNames(inventory.kind))[0] ?? 'email'
    const looks = await lookCounts(db, { systemId, by, everyMs: inventory.everyMs, now: now() })
    found.set(systemId, { name, by, inventory, looks })
  }
  return found
})

function told(systemId: string, looked: Looked | undefined, turn: ToldTurn | undefined): Inventory {
  const { askedAt = null, fault = null, faultAt = null, running = false, last = null, standing = 0 } = turn ?? {}
  const common = { systemId, system: looked?.name ?? turn?.system ?? '', askedAt, fault, faultAt, running, last, standing }
  if (looked === undefined) return { ...common, inventory: null, looks: null, nextAt: null }
  const { nextAt, ...looks } = looked.looks
  const { kind, everyMs, without, canary } = looked.inventory
  return {
    ...common,
    inventory: { kind, by: looked.by, everyMs, without, canary: canary === undefined ? 'missing' : 'configured' },
    looks,
    nextAt: nextAt === null ? null : later(nextAt, restOf(turn)).toString(),
  }
}

/** Before which no turn begins. */
function restOf(turn: ToldTurn | undefined): Temporal.Instant | undefined {
  if (turn === undefined || turn.askedAt === null) return undefined
  return Temporal.Instant.from(turn.askedAt).add({ milliseconds: turn.fault === null ? TURN_REST.ms : TURN_REST.faultMs })
}

function later(a: Temporal.Instant, b: Temporal.Instant | undefined): Temporal.Instant {
  return b !== undefined && Temporal.Instant.compare(b, a) > 0 ? b : a
}
