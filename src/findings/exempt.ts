import { RevenantError } from '../domain/error.ts'
import { toMs } from '../domain/facts/instant.ts'
import type { FindingKind } from '../domain/finding.ts'
import { newId } from '../domain/id.ts'
import { audit } from '../store/audit.ts'
import type { Queryable } from '../store/db.ts'
import {
  type ExemptionRow,
  exemptionById,
  grantExemption,
  knownScope,
  lockExemption,
  type NewExemption,
  revokeExemption as revoke,
  silenceFindings,
  standingExemption,
} from '../store/exemption.ts'
import { type FindingRow, lockFindingsById, saveFindings } from '../store/finding.ts'
import { transact } from '../store/transact.ts'
import { type ActDeps, operatorEvent } from './act.ts'
import { endExemptions, type Raise } from './apply.ts'

/** For how long something is accepted, by whom, and why. */
export interface Terms {
  owner: string
  reason: string
  until: Temporal.Instant
}

/** What is accepted. At least one of the three ids is given. */
export interface ExemptionScope {
  /** Left out: whatever is found there. */
  kind?: FindingKind
  credentialId?: string
  identityId?: string
  systemId?: string
}

export type Exempted =
  | { id: string; exemption: ExemptionRow; finding: FindingRow; changed: boolean }
  | { id: string; refused: 'not_found' }

/**
 * Exempts findings: each kind of finding of that credential, system or identity, and nothing else, until the terms end. What it covers
 * falls silent at once, and is tried and recorded as before. Terms that hold already change nothing. All in one transaction.
 * Throws `INPUT_INVALID` where the end does not lie ahead.
 *
 * @param check called with each finding under its lock; what it throws undoes all
 */
export async function exemptFindings(
  ids: readonly string[],
  terms: Terms,
  deps: ActDeps,
  check?: (finding: FindingRow) => void,
): Promise<Exempted[]> {
  return transact(deps.db, async (tx) => {
    const at = toMs(deps.now())
    mustLieAhead(terms.until, at)
    const found = await lockFindingsById(tx, ids)
    const results: Exempted[] = []
    for (const id of new Set(ids)) {
      const finding = found.get(id)
      if (finding === undefined) {
        results.push({ id, refused: 'not_found' })
        continue
      }
      check?.(finding)
      const { exemption, changed } = await grant(tx, rowOf(scopeOf(finding), terms, at, at, deps.actor), at)
      if (changed) {
        const { owner, reason, until } = terms
        const detail = { exemption: exemption.id, owner, reason, until: until.toString() }
        await audit(tx, { actor: deps.actor, action: 'finding.exempt', subject: id, detail, at })
        const silenced = await silenceFindings(tx, exemption.id)
        // What is over, or silent already, has it in its history all the same.
        const told = silenced.some((each) => each.id === id) ? silenced : [...silenced, finding]
        await tell(tx, told, exemption, deps, at)
      }
      const now = await lockFindingsById(tx, [id])
      results.push({ id, exemption, changed, finding: now.get(id) ?? finding })
    }
    return results
  })
}

/**
 * Grants an exemption for whatever there is or will be. Throws `INPUT_INVALID` (it ends before it begins, or not ahead), `NOT_FOUND`
 * (an id that nothing has).
 */
export async function grantScope(
  scope: ExemptionScope,
  terms: Terms & { from?: Temporal.Instant },
  deps: ActDeps,
): Promise<{ exemption: ExemptionRow; changed: boolean }> {
  return transact(deps.db, async (tx) => {
    const at = toMs(deps.now())
    const from = terms.from ?? at
    mustLieAhead(terms.until, at)
    if (Temporal.Instant.compare(terms.until, from) <= 0)
      throw new RevenantError('INPUT_INVALID', 'an exemption ends after it begins')
    const missing = await knownScope(tx, scope)
    if (missing !== undefined) throw new RevenantError('NOT_FOUND', `there is no such ${missing}`)
    const row = rowOf(scope, terms, from, at, deps.actor)
    const { exemption, changed } = await grant(tx, row, at)
    if (changed) {
      const detail = { ...scope, owner: terms.owner, reason: terms.reason, from: from.toString(), until: terms.until.toString() }
      await audit(tx, { actor: deps.actor, action: 'exemption.grant', subject: exemption.id, detail, at })
      if (Temporal.Instant.compare(from, at) <= 0) await tell(tx, await silenceFindings(tx, exemption.id), exemption, deps, at)
    }
    return { exemption, changed }
  })
}

/**
 * Takes an exemption back: what it silenced is told of again at once. False: it was over or taken back already. Throws `NOT_FOUND`.
 */
export async function revokeExemption(
  id: string,
  reason: string,
  deps: ActDeps & { raise: Raise },
): Promise<{ exemption: ExemptionRow; changed: boolean }> {
  const done = await transact(deps.db, async (tx) => {
    const before = await lockExemption(tx, id)
    if (before === undefined) throw new RevenantError('NOT_FOUND', 'there is no exemption of this id')
    const at = toMs(deps.now())
    if (!(await revoke(tx, id, at))) return { exemption: before, changed: false }
    await audit(tx, { actor: deps.actor, action: 'exemption.revoke', subject: id, detail: { reason }, at })
    await endExemptions(tx, at, SPEAKING, deps.raise)
    return { exemption: (await exemptionById(tx, id)) ?? before, changed: true }
  })
  // What is left of a large one is told in transactions of their own; the tick would do the same.
  if (done.changed) {
    const page = () => transact(deps.db, (tx) => endExemptions(tx, deps.now(), SPEAKING, deps.raise))
    while ((await page()) === SPEAKING);
  }
  return done
}

/** Findings that speak again in one transaction. */
const SPEAKING = 200

function mustLieAhead(until: Temporal.Instant, now: Temporal.Instant): void {
  if (Temporal.Instant.compare(until, now) <= 0)
    throw new RevenantError('INPUT_INVALID', 'the end must lie in the future: an exemption has an end')
}

/** What was accepted is this kind of finding, not whatever else may be found about the same thing. */
function scopeOf({ kind, credential_id, identity_id, system_id }: FindingRow): ExemptionScope {
  if (credential_id !== null) return { kind, credentialId: credential_id }
  if (system_id !== null) return { kind, systemId: system_id }
  return { kind, ...(identity_id === null ? {} : { identityId: identity_id }) }
}

function rowOf(scope: ExemptionScope, terms: Terms, from: Temporal.Instant, at: Temporal.Instant, by: string): NewExemption {
  return {
    id: newId(),
    finding_kind: scope.kind ?? null,
    credential_id: scope.credentialId ?? null,
    identity_id: scope.identityId ?? null,
    system_id: scope.systemId ?? null,
    owner: terms.owner,
    reason: terms.reason,
    starts_at: from,
    ends_at: terms.until,
    created_at: at,
    created_by: by,
  }
}

async function grant(
  tx: Queryable,
  row: NewExemption,
  at: Temporal.Instant,
): Promise<{ exemption: ExemptionRow; changed: boolean }> {
  const standing = await standingExemption(tx, row, at)
  if (standing !== undefined) return { exemption: standing, changed: false }
  await grantExemption(tx, row)
  return { exemption: (await exemptionById(tx, row.id)) ?? { ...row, revoked_at: null }, changed: true }
}

async function tell(
  tx: Queryable,
  findings: readonly FindingRow[],
  { owner, reason, ends_at }: ExemptionRow,
  { actor }: ActDeps,
  at: Temporal.Instant,
): Promise<void> {
  const note = `until ${ends_at.toString()}, owner ${owner}: ${reason}`
  const events = findings.map((finding) => operatorEvent(finding, 'exempted', { actor, note, at }))
  await saveFindings(tx, { added: [], changed: [], events })
}
