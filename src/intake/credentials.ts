import type { Custody } from '../custody/custody.ts'
import { restartChecks } from '../store/check-state.ts'
import {
  findCredentials,
  insertCredentials,
  type KnownCredential,
  lockCredentials,
  putSecrets,
  retireCredentials,
  type SecretWrite,
  updateCredentials,
} from '../store/credential.ts'
import type { Queryable } from '../store/db.ts'
import { findIdentities, type IdentityRow, lockIdentities } from '../store/identity.ts'
import { joinShares, markRotated } from '../store/share.ts'
import { type CredentialPlan, entryKey, type Known, keyOf, type NamedEntry, planCredentials } from './credential-plan.ts'
import { type Binding, CREDENTIAL_COLUMNS, readCredential } from './credential-row.ts'
import type { ImportOptions, IntakeDeps } from './deps.ts'
import { checkStillHere, type Spread, spread } from './holders.ts'
import { importFile } from './import-file.ts'
import { addFaults, type ImportReport, type RowFault } from './report.ts'
import type { Row } from './rows.ts'
import { openSeen } from './seen.ts'
import type { ImportSource } from './source.ts'
import { enqueueTrials, isDue } from './standing.ts'
import { openRow, openSubmitted, type SubmittedSource } from './submission.ts'
import { Outrun, repeatedly, type Tx } from './transaction.ts'

export interface CredentialIntakeDeps extends IntakeDeps {
  custody: Pick<Custody, 'seal' | 'sealReference' | 'fingerprint' | 'openSubmission'>
  /** The configured systems by name. */
  bindings: ReadonlyMap<string, Binding>
}

/**
 * Imports what identities held, from CSV or JSON Lines (columns: `docs/import.md`). Secrets are sealed for their system and origin
 * before they are written. The same file twice changes nothing the second time; a new secret under a known label is checked as if
 * it were a new credential. Throws `INPUT_INVALID` when the file as a whole cannot be understood, before anything is written.
 */
export async function importCredentials(
  source: ImportSource | SubmittedSource,
  deps: CredentialIntakeDeps,
  options: ImportOptions,
): Promise<ImportReport> {
  const seen = openSeen()
  const read = (row: Row): NamedEntry | RowFault => {
    const entry = readCredential(row, deps.bindings, deps.policy)
    if ('message' in entry) return entry
    const first = seen.add(entryKey(entry), entry.line)
    if (first === undefined) return { ...entry, fingerprint: fingerprintOf(deps, entry) }
    return {
      line: entry.line,
      field: 'label',
      message: `is in line ${first} already for this identity and system: give each a label`,
    }
  }
  return importFile<NamedEntry>(await openSubmitted(source, deps.custody), deps, options, {
    columns: CREDENTIAL_COLUMNS,
    action: 'credentials.import',
    read: (row) =>
      row.submission === undefined
        ? read(row)
        : openRow(row, row.submission, deps.custody).then((opened) => ('message' in opened ? opened : read(opened))),
    write: async (entries, _label, report, dryRun) => {
      const done = dryRun ? await lookAhead(deps, entries) : await repeatedly(() => write(deps, entries))
      addPlan(report, done.plan, done.dueNow)
    },
  })
}

function fingerprintOf(deps: CredentialIntakeDeps, { binding, given }: Omit<NamedEntry, 'fingerprint'>): string | undefined {
  if (given === undefined) return undefined
  // Of a reference it names where the secret is, since what it holds may change unseen.
  return deps.custody.fingerprint(binding.systemId, given.form === 'sealed' ? given.value : { reference: given.reference })
}

function addPlan(report: ImportReport, plan: CredentialPlan, dueNow: number): void {
  report.created += plan.inserts.length
  report.updated += plan.changed
  report.unchanged += plan.unchanged
  report.skipped += plan.skipped
  report.dueNow += dueNow
  addFaults(report, plan.faults)
}

/** A plan with places for the secrets in place of the secrets: enough to count by. */
async function lookAhead(deps: CredentialIntakeDeps, rows: readonly NamedEntry[]) {
  const now = deps.now()
  const { entries, faults } = await spread(deps.db, rows, now)
  const known = await look(deps.db, entries)
  const { unsealed } = planCredentials(entries, known, new Map(), deps.policy.verifyWithinMs, now)
  const blank = new Map(unsealed.map(({ key, entry, credentialId }) => [key, secretOf(entry, credentialId, undefined)]))
  const plan = planCredentials(entries, known, blank, deps.policy.verifyWithinMs, now)
  return { plan: withFaults(plan, faults), dueNow: dueOf(plan, now).length }
}

function withFaults(plan: CredentialPlan, faults: Spread['faults']): CredentialPlan {
  return { ...plan, faults: [...plan.faults, ...faults] }
}

async function write(deps: CredentialIntakeDeps, rows: readonly NamedEntry[]) {
  const { entries, faults, values, joins } = await spread(deps.db, rows, deps.now())
  const before = planCredentials(entries, await look(deps.db, entries), new Map(), deps.policy.verifyWithinMs, deps.now())
  // Ahead of the transaction: custody may have to make a key, over a connection of its own.
  const sealed = new Map<string, SecretWrite>()
  for (const { key, entry, credentialId } of before.unsealed) sealed.set(key, await seal(deps, entry, credentialId))
  return deps.db.transaction().execute(async (tx) => {
    const now = deps.now()
    const known = await lock(tx, entries)
    checkStillHere(entries, known.identities, now)
    const plan = withFaults(planCredentials(entries, known, sealed, deps.policy.verifyWithinMs, now), faults)
    if (plan.unsealed.length > 0) throw new Outrun('a secret was changed by somebody else')
    await writePlan(tx, plan, now)
    await joinShares(tx, joins)
    await markRotated(tx, values, now)
    const due = dueOf(plan, now)
    await enqueueTrials(tx, deps, due, now)
    return { plan, dueNow: due.length }
  })
}

async function writePlan(tx: Tx, plan: CredentialPlan, now: Temporal.Instant): Promise<void> {
  await insertCredentials(tx, plan.inserts, now)
  await updateCredentials(tx, plan.updates, now)
  await putSecrets(tx, plan.secrets, now)
  await restartChecks(tx, plan.restarts)
  await retireCredentials(tx, plan.retires, now)
}

function dueOf(plan: CredentialPlan, now: Temporal.Instant): string[] {
  const starts = [...plan.inserts.map((row) => row.check), ...plan.restarts]
  return starts.filter((start) => isDue(start, now)).map((start) => start.credential_id)
}

async function seal(deps: CredentialIntakeDeps, entry: NamedEntry, credentialId: string): Promise<SecretWrite> {
  const { systemId, origin } = entry.binding
  if (entry.given?.form !== 'sealed') {
    const write = secretOf(entry, credentialId, undefined)
    if (write.reference === null) return write
    const mac = deps.custody.sealReference({ credentialId, systemId, origin }, write.reference)
    return { ...write, reference_mac: Buffer.from(mac).toString('base64') }
  }
  const parts = await deps.custody.seal({ credentialId, systemId, origin }, entry.given.value)
  const { expiresAt, isCloudKey } = parts.dates
  return {
    ...secretOf(entry, credentialId, parts),
    expires_at: expiresAt?.toString() ?? null,
    cloud_key_since: isCloudKey ? deps.now().toString() : null,
  }
}

function secretOf(
  entry: NamedEntry,
  credentialId: string,
  parts: { sealed: Uint8Array; dataKeyId: string } | undefined,
): SecretWrite {
  return {
    credential_id: credentialId,
    system_id: entry.binding.systemId,
    origin: entry.binding.origin,
    sealed: parts === undefined ? null : Buffer.from(parts.sealed).toString('base64'),
    data_key_id: parts?.dataKeyId ?? null,
    reference: entry.given?.form === 'reference' ? entry.given.reference : null,
    reference_mac: null,
  }
}

async function look(db: Queryable, entries: readonly NamedEntry[]): Promise<Known> {
  return credentialsOf(entries, await findIdentities(db, idsOf(entries)), (keys) => findCredentials(db, keys))
}

async function lock(tx: Tx, entries: readonly NamedEntry[]): Promise<Known> {
  return credentialsOf(entries, await lockIdentities(tx, idsOf(entries), 'share'), (keys) => lockCredentials(tx, keys))
}

async function credentialsOf(
  entries: readonly NamedEntry[],
  identities: ReadonlyMap<string, IdentityRow>,
  read: (keys: { systemId: string; identityId: string; label: string }[]) => Promise<KnownCredential[]>,
): Promise<Known> {
  const keys = entries.flatMap((entry) => {
    const identity = identities.get(entry.externalId)
    return identity === undefined ? [] : [{ systemId: entry.binding.systemId, identityId: identity.id, label: entry.label }]
  })
  return { identities, credentials: new Map((await read(keys)).map((row) => [keyOf(row), row])) }
}

function idsOf(entries: readonly NamedEntry[]): string[] {
  return [...new Set(entries.map((entry) => entry.externalId))]
}
