import type { Dispatcher } from 'undici'
import { loadInventory } from '../../probes/inventories.ts'
import type { Config } from '../config/config.ts'
import type { InventoryConfig } from '../config/inventory-schema.ts'
import type { ReadReference } from '../custody/local-reference.ts'
import { readSecret } from '../custody/references.ts'
import { RevenantError } from '../domain/error.ts'
import type { PersonName } from '../domain/grant.ts'
import { type InventoryDeps, type InventorySummary, runInventory } from '../scan/inventory.ts'
import type { InventorySystem } from '../scan/inventory-system.ts'
import type { OpenedSystem, Systems } from './systems.ts'

/** The inventories of one configuration. */
export interface Inventories {
  all(): readonly InventorySystem[]
  /** Begins a turn at each system whose turn it is, and answers at once. Never throws: a fault stands at its system. */
  runDue(deps: InventoryDeps): void
  /**
   * One turn now, of everybody who left or of one of them. Throws `NOT_FOUND` where the system has no inventory, `CONFLICT` where it is
   * being asked.
   */
  runNow(systemName: string, deps: InventoryDeps, identityId?: string): Promise<InventorySummary>
  /** Calls off what is being asked and waits for it. */
  close(): Promise<void>
}

/** Binds the inventories of a configuration to the systems that were opened for it. Throws `CONFIG_INVALID` and zod's errors. */
export async function openInventories(config: Config, systems: Systems, read: ReadReference): Promise<Inventories> {
  const dispatchers: Dispatcher[] = []
  const opened = await Promise.all(
    systems.all().flatMap((system) => {
      const { inventory, zone } = system.config
      // Replicas that do not serve a zone do not reach its systems.
      return inventory === undefined || !config.zones.includes(zone) ? [] : [bind(system, inventory, dispatchers, read)]
    }),
  )
  const stop = new AbortController()
  const running = new Map<string, Promise<InventorySummary>>()
  const run = (system: InventorySystem, deps: InventoryDeps, only?: { identityId?: string | undefined }) => {
    const turn = runInventory(system, deps, stop.signal, only).finally(() => running.delete(system.id))
    running.set(system.id, turn)
    return turn
  }
  return {
    all: () => opened,
    runDue: (deps) => {
      for (const system of opened) {
        if (running.has(system.id) || stop.signal.aborted) continue
        // Not waited for: a turn may take minutes, and others are due.
        run(system, deps).catch((error: unknown) => deps.log('error', 'an inventory failed', { system: system.name, err: error }))
      }
    },
    runNow: async (name, deps, identityId) => {
      const system = opened.find((each) => each.name === name)
      if (system === undefined)
        throw new RevenantError('NOT_FOUND', `no system called ${JSON.stringify(name)} has an inventory here`)
      if (running.has(system.id)) throw new RevenantError('CONFLICT', `${name} is being asked`)
      return run(system, deps, { identityId })
    },
    close: async () => {
      stop.abort(new Error('the inventories were closed'))
      await Promise.allSettled(running.values())
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.close()))
    },
  }
}

async function bind(
  { config, row, scan }: OpenedSystem,
  { kind, target, credential, by, everyMs, without, canary }: InventoryConfig,
  dispatchers: Dispatcher[],
  read: ReadReference,
): Promise<InventorySystem> {
  const inventory = await loadInventory(kind)
  const bound = inventory.bind(target)
  const { openDispatcher } = await import('../probe/dispatcher.ts')
  let dispatcher: Dispatcher | undefined
  const { concurrency, timeoutMs } = config.limits
  return {
    ...{ id: row.id, name: config.name, tier: config.tier, zone: config.zone, kind, bound, everyMs, canary },
    by: nameOf(by, inventory.by),
    without: new Set(without),
    attribution: config.attribution,
    // It costs memory: opened when the system is first asked.
    http: () => {
      if (dispatcher === undefined) {
        const { origins, http } = bound
        dispatcher = openDispatcher({ origins, ...http, connections: concurrency, connectTimeoutMs: timeoutMs })
        dispatchers.push(dispatcher)
      }
      return dispatcher
    },
    rate: scan.rate,
    ...{ concurrency, timeoutMs },
    credential: () => readSecret(credential, read),
  }
}

function nameOf(wanted: PersonName | undefined, known: readonly PersonName[]): PersonName {
  const [first] = known
  if (wanted !== undefined) return wanted
  if (first === undefined) throw new TypeError('an inventory looks for people by some name')
  return first
}
