import type { Runtime } from '../daemon/runtime.ts'
import { recordLook } from '../store/looks.ts'
import { operator } from './context.ts'

/** What a command showed, as `noun.view` in the audit. */
export interface View {
  action: 'identities.view' | 'credentials.view' | 'findings.view' | 'finding.view' | 'grants.view' | 'alerts.view' | 'alert.view'
  /** Whom or what it was about; `all`: it was not narrowed. */
  subject: string
  /** By what else it was narrowed. */
  detail?: Record<string, unknown>
}

/** Records that an operator looked at something: once an hour, further looks are counted. To be called before anything is shown. */
export async function recordView(runtime: Runtime, { action, subject, detail = {} }: View): Promise<void> {
  await recordLook(runtime.store.db, { actor: operator(), action, subject, detail, at: runtime.now() })
}
