import { loadInventory } from '../../probes/inventories.ts'
import type { ActionDeps } from '../api/action-deps.ts'
import { openLive } from '../api/live.ts'
import type { CatalogueEntry, DoctorCheck } from '../api/schemas/setup.ts'
import { openWorkFolder } from '../api/work-folder.ts'
import { bindSystem } from '../intake/credential-row.ts'
import { readCatalogue } from './catalogue.ts'
import { examine } from './doctor.ts'
import { sequencerOf } from './ledger.ts'
import { reportDeps } from './report-deps.ts'
import { budgetsOf, dataFolder, type Runtime } from './runtime.ts'

/** A trial's process is given so much more than its budget. */
const TRIAL_GRACE_MS = 120_000

/** Gives the actions of the API what they need of a runtime. `actions.live` is to be closed before the server. */
export async function openActions(runtime: Runtime): Promise<ActionDeps> {
  const { store, deliveryDeps, now, telemetry } = runtime
  let catalogue: Promise<CatalogueEntry[]> | undefined
  let examining: Promise<DoctorCheck[]> | undefined
  return {
    bindings: () => new Map(runtime.systems.all().map((system) => [system.config.name, bindSystem(system.row, system.probe)])),
    budgets: () => budgetsOf(runtime.systems),
    tick: () => runtime.tick(),
    sinks: () => runtime.sinks,
    inventoryNames: async (kind) => (await loadInventory(kind)).by,
    feeds: () => runtime.feeds.all(),
    pullFeed: (name) => runtime.feeds.pullNow(name, runtime.feedDeps),
    formatContext: deliveryDeps.context,
    enqueueAll: runtime.enqueueAll,
    report: () => reportDeps(runtime),
    sequencer: sequencerOf(runtime),
    doctor: () => {
      examining ??= Array.fromAsync(examine(runtime, 'the configuration')).finally(() => {
        examining = undefined
      })
      return examining
    },
    catalogue: () => {
      catalogue ??= readCatalogue()
      // A failure is not kept: the file may be mended while the daemon runs.
      catalogue.catch(() => {
        catalogue = undefined
      })
      return catalogue
    },
    workFolder: await openWorkFolder(dataFolder(runtime.config)),
    live: openLive({
      db: store.db,
      trialMs: () => runtime.config.scan.trialBudgetMs + TRIAL_GRACE_MS,
      now,
      logger: telemetry.logger,
    }),
  }
}
