import { EVIDENCE_PULLED } from '../api/evidence-tokens.ts'
import type { DoctorCheck } from '../api/schemas/setup.ts'
import { untiedTokens } from '../store/api-token.ts'
import { lastAudit } from '../store/audit.ts'
import type { Runtime } from './runtime.ts'

/** What gets into Revenant itself and ends with nobody who leaves: tokens that belong to nobody, and those of auditors. */
export async function* examineAccess({ store: { db }, config, now }: Runtime): AsyncGenerator<DoctorCheck> {
  for (const { name, role, expires_at } of await untiedTokens(db, now()))
    yield {
      name: `token ${name}`,
      level: 'warn',
      detail: `tied to nobody: no departure ends it before ${expires_at.toString()}; its role is ${role}`,
      mend: `make another with --owner, then: revenant access tokens revoke ${name}`,
    }
  for (const { name } of config.evidence.auditorTokens) {
    const last = await lastAudit(db, EVIDENCE_PULLED, `token:${name}`)
    yield {
      name: `auditor token ${name}`,
      level: 'warn',
      detail: `has no owner and no end: no departure ends it; ${last === undefined ? 'never used' : `last used in the hour from ${hourOf(last.at)}`}`,
      mend: 'change it when whoever holds it leaves, and take it out of evidence.auditorTokens when the audit is over',
    }
  }
}

/** Pulls are logged once an hour. */
function hourOf(at: Temporal.Instant): string {
  return at.round({ smallestUnit: 'hour', roundingMode: 'floor' }).toString()
}
