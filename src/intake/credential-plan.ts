import { newId } from '../domain/id.ts'
import type { CheckStart } from '../store/check-state.ts'
import type { CredentialKey, CredentialWrite, KnownCredential, NewCredential, SecretWrite } from '../store/credential.ts'
import type { IdentityRow } from '../store/identity.ts'
import type { CredentialEntry } from './credential-row.ts'
import type { RowFault } from './report.ts'
import { checkStart } from './standing.ts'

/** An entry with the name that its secret has without being told. */
export interface NamedEntry extends CredentialEntry {
  fingerprint: string | undefined
  /** Set by `spread`: of all who hold the same secret. */
  shareId?: string
}

/** Secrets that were sealed ahead, by `entryKey`, each for the id that its credential has or will have. */
export type Sealed = ReadonlyMap<string, SecretWrite>

export interface CredentialPlan {
  inserts: NewCredential[]
  updates: CredentialWrite[]
  /** Secrets of known credentials that are replaced. */
  secrets: SecretWrite[]
  /** Checks of known credentials that begin anew, since their secret did. */
  restarts: CheckStart[]
  retires: string[]
  /** Known credentials that changed in any way. */
  changed: number
  unchanged: number
  skipped: number
  faults: RowFault[]
  /** Entries whose secret has yet to be sealed: it was not known to be new when they were looked at. */
  unsealed: { key: string; entry: NamedEntry; credentialId: string }[]
}

export interface Known {
  identities: ReadonlyMap<string, IdentityRow>
  /** By `keyOf`. */
  credentials: ReadonlyMap<string, KnownCredential>
}

export function entryKey(entry: CredentialEntry): string {
  return JSON.stringify([entry.binding.systemId, entry.externalId, entry.label])
}

export function keyOf(key: CredentialKey): string {
  return JSON.stringify([key.systemId, key.identityId, key.label])
}

/** Compares a batch of entries, none of them twice, with what is known. Pure but for the ids of what is new. */
export function planCredentials(
  entries: readonly NamedEntry[],
  known: Known,
  sealed: Sealed,
  verifyWithinMs: number,
  now: Temporal.Instant,
): CredentialPlan {
  const plan: CredentialPlan = {
    inserts: [],
    updates: [],
    secrets: [],
    restarts: [],
    retires: [],
    changed: 0,
    unchanged: 0,
    skipped: 0,
    faults: [],
    unsealed: [],
  }
  for (const entry of entries) {
    const identity = known.identities.get(entry.externalId)
    const before =
      identity === undefined
        ? undefined
        : known.credentials.get(keyOf({ systemId: entry.binding.systemId, identityId: identity.id, label: entry.label }))
    if (entry.retired === true) planRetirement(plan, before)
    else if (identity === undefined)
      plan.faults.push({ line: entry.line, field: 'identity', message: 'is not known: import it with the identities first' })
    else planEntry(plan, entry, identity, before, sealed, (id) => checkStart(id, identity.terminated_at, verifyWithinMs, now))
  }
  return plan
}

function planRetirement(plan: CredentialPlan, before: KnownCredential | undefined): void {
  if (before === undefined) plan.skipped++
  else if (before.retiredAt !== null) plan.unchanged++
  else {
    plan.retires.push(before.id)
    plan.changed++
  }
}

function planEntry(
  plan: CredentialPlan,
  entry: NamedEntry,
  identity: IdentityRow,
  before: KnownCredential | undefined,
  sealed: Sealed,
  checkOf: (credentialId: string) => CheckStart,
): void {
  // Only a row that says so brings a retired credential back: an old file must not. One that ended by itself may have a successor.
  if (before !== undefined && before.retiredAt !== null && entry.retired === undefined && !succeeds(entry, before)) {
    plan.skipped++
    return
  }
  const renewed = before === undefined || before.retiredAt !== null || secretDiffers(entry, before)
  if (!renewed && !differs(entry, before)) {
    plan.unchanged++
    return
  }
  if (before !== undefined) plan.changed++
  let secret: SecretWrite | undefined
  if (renewed) {
    const key = entryKey(entry)
    const ready = sealed.get(key)
    if (ready === undefined || (before !== undefined && ready.credential_id !== before.id)) {
      plan.unsealed.push({ key, entry, credentialId: before?.id ?? newId() })
      return
    }
    secret = ready
  }
  const id = before?.id ?? secret?.credential_id ?? newId()
  const write = merge(entry, before, id)
  if (before === undefined && secret !== undefined) {
    plan.inserts.push({
      ...write,
      systemId: entry.binding.systemId,
      identityId: identity.id,
      label: entry.label,
      secret,
      check: checkOf(id),
    })
    return
  }
  plan.updates.push(write)
  if (secret === undefined) return
  plan.secrets.push(secret)
  plan.restarts.push(checkOf(id))
}

/** The secret was spent, and this is another one under its name. */
function succeeds(entry: NamedEntry, before: KnownCredential): boolean {
  const spent = before.retiredReason !== null && before.retiredReason !== 'operator'
  return spent && entry.fingerprint !== undefined && entry.fingerprint !== before.fingerprint
}

function secretDiffers(entry: NamedEntry, before: KnownCredential): boolean {
  return before.fingerprint !== entry.fingerprint || before.origin !== entry.binding.origin || before.secret !== entry.given?.form
}

function differs(entry: NamedEntry, before: KnownCredential): boolean {
  const after = merge(entry, before, before.id)
  return (
    after.kind !== before.kind ||
    after.principal !== before.principal ||
    after.privilege !== before.privilege ||
    after.shared !== before.shared ||
    after.share_id !== before.shareId ||
    after.handover_by !== (before.handoverBy?.toString() ?? null)
  )
}

function merge(entry: NamedEntry, before: KnownCredential | undefined, id: string): CredentialWrite {
  const { kind, principal, privilege, shared, handoverBy } = entry
  const handover = handoverBy === undefined ? (before?.handoverBy ?? null) : handoverBy
  return {
    id,
    kind: (kind === undefined ? before?.kind : kind) ?? entry.binding.kind,
    principal: principal === undefined ? (before?.principal ?? null) : principal,
    privilege: (privilege === undefined ? before?.privilege : privilege) ?? 'standard',
    shared: (shared === undefined ? before?.shared : shared) ?? false,
    handover_by: handover?.toString() ?? null,
    fingerprint: entry.fingerprint ?? before?.fingerprint ?? '',
    share_id: entry.shareId ?? before?.shareId ?? null,
  }
}
