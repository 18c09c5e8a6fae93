import { loadFrameworks } from '../config/frameworks.ts'
import type { ReportDeps } from '../evidence/bundle/request.ts'
import type { Runtime } from './runtime.ts'
import { VERSION } from './version.ts'

/** What reports are made with, as the configuration is now. */
export async function reportDeps(runtime: Runtime): Promise<ReportDeps> {
  return {
    db: runtime.store.db,
    mapping: (await loadFrameworks(runtime.config.frameworks)) ?? { frameworks: [] },
    revokeWithinMs: runtime.config.policy.revokeWithinMs,
    confirmRejections: runtime.config.policy.confirmRejections,
    verifyWithinMs: runtime.config.policy.verifyWithinMs,
    product: { name: 'Revenant', version: VERSION, instance: runtime.instance },
    now: runtime.now,
  }
}
