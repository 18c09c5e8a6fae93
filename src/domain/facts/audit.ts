import type { Fact, Facts } from '../leaf.ts'
import { msOf } from './instant.ts'

/** What somebody did in Revenant, or what its configuration became. `detail` is JSON. */
export interface AuditFields {
  id: string
  at: Temporal.Instant
  actor: string
  action: string
  subject: string
  detail: Fact
}

/** Actions that say what the configuration became; every other one is an operator's. */
const CONFIGURATION = 'configuration.'

/** Which kind of entry a row of the audit is. */
export function auditKind(action: string): 'operator' | 'configuration' {
  return action.startsWith(CONFIGURATION) ? 'configuration' : 'operator'
}

export function auditFacts(row: AuditFields): Facts {
  return {
    action: row.action,
    actor: row.actor,
    at_ms: msOf(row.at),
    detail: row.detail,
    id: row.id,
    subject: row.subject,
    type: auditKind(row.action),
  }
}
