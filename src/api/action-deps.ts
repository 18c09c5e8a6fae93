import type { OpenedSink } from '../alerts/delivery.ts'
import type { FormatContext } from '../alerts/formats/format.ts'
import type { RedriveDeps } from '../alerts/redrive.ts'
import type { RevenantError } from '../domain/error.ts'
import type { PersonName } from '../domain/grant.ts'
import type { ReportDeps } from '../evidence/bundle/request.ts'
import type { Sequencer } from '../evidence/sequencer.ts'
import type { Binding } from '../intake/credential-row.ts'
import type { Feed } from '../intake/feed/said.ts'
import type { OpenedSource } from '../intake/sources/source.ts'
import type { SystemBudget } from '../store/scan-now.ts'
import type { Live } from './live.ts'
import type { CatalogueEntry, DoctorCheck } from './schemas/setup.ts'
import type { WorkFolder } from './work-folder.ts'

/** What actions, the setup pages and live events work with, beside the rest of `ApiDeps`. */
export interface ActionDeps {
  /** What secrets are bound to, by the names of the configured systems. */
  bindings(): ReadonlyMap<string, Binding>
  /** How many wrong tries accounts of the configured systems may suffer. */
  budgets(): readonly SystemBudget[]
  /** One tick: enqueues what is due. */
  tick(): Promise<number>
  /** The receivers in force. */
  sinks(): {
    byName(name: string): OpenedSink | undefined
    faultOf(name: string): RevenantError | undefined
    routes(): readonly { name: string }[]
  }
  /** By which names an inventory looks for people, the usual one first. */
  inventoryNames(kind: string): Promise<readonly PersonName[]>
  /** The sources of leavers in force. */
  feeds(): readonly { feed: Feed; source: OpenedSource }[]
  /** Asks a source now. Throws `NOT_FOUND`, `CONFLICT` for one that tells by itself, and whatever keeps it from answering. */
  pullFeed(name: string): Promise<void>
  formatContext: FormatContext
  enqueueAll: RedriveDeps['enqueueAll']
  /** What bundles are made with, as the configuration is now. */
  report(): Promise<ReportDeps>
  sequencer: Sequencer
  /** What `revenant doctor` says; whoever asks while it runs is answered by the same run. */
  doctor(): Promise<readonly DoctorCheck[]>
  /** Every kind that a system may name in `probe`. */
  catalogue(): Promise<readonly CatalogueEntry[]>
  workFolder: WorkFolder
  live: Live
}
