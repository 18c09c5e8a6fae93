import { audit } from '../store/audit.ts'
import { releaseSubjects } from '../store/feed-subject.ts'
import { endHandoversOf } from '../store/handover.ts'
import { findIdentities, insertIdentities, lockIdentities, ownershipsOf, updateIdentities } from '../store/identity.ts'
import { endThoseAway } from '../store/leaver.ts'
import type { ImportOptions, IntakeDeps } from './deps.ts'
import { type IdentityPlan, planIdentities } from './identity-plan.ts'
import { IDENTITY_COLUMNS, type IdentityEntry, readIdentity } from './identity-row.ts'
import { importFile } from './import-file.ts'
import { addFaults, addWarnings, type ImportReport, type RowFault } from './report.ts'
import { openSeen } from './seen.ts'
import type { ImportSource } from './source.ts'
import { countFallingDue, followStandings } from './standing.ts'
import { inTransaction, type Tx } from './transaction.ts'
import { openOwnersNamed } from './unknown-owners.ts'

/**
 * Imports who there is and who has left, from CSV or JSON Lines (columns: `docs/import.md`). The same file twice changes nothing the
 * second time. Throws `INPUT_INVALID` when the file as a whole cannot be understood, before anything is written.
 */
export async function importIdentities(source: ImportSource, deps: IntakeDeps, options: ImportOptions): Promise<ImportReport> {
  const seen = openSeen()
  const owners = openOwnersNamed()
  const report = await importFile<IdentityEntry>(source, deps, options, {
    columns: IDENTITY_COLUMNS,
    action: 'identities.import',
    read: (row) => {
      const entry = readIdentity(row, deps.policy)
      if ('message' in entry) return entry
      const fault = repeated(entry, seen.add(entry.externalId, entry.line))
      if (fault === undefined) owners.add(entry)
      return fault ?? entry
    },
    write: async (entries, label, counts, dryRun) => {
      const done = dryRun ? await lookAhead(deps, entries, label) : await write(deps, entries, label)
      const { plan } = done
      counts.created += plan.inserts.length
      counts.updated += plan.updates.length
      counts.unchanged += plan.unchanged
      counts.reinstated += plan.reinstated
      counts.dueNow += done.dueNow
      addFaults(counts, plan.faults)
    },
  })
  // Of a file that was cut short nobody can tell who would have come.
  if (!report.stopped) addWarnings(report, await owners.unknown(deps.db, (owner) => options.dryRun && seen.has(owner)))
  return report
}

/** One identity in two rows, one of them a leaver: whichever came last would win, and the next import would undo it. */
function repeated(entry: IdentityEntry, first: number | undefined): RowFault | undefined {
  if (first === undefined) return undefined
  return { line: entry.line, field: 'external_id', message: `is in line ${first} already: one row for each identity` }
}

async function lookAhead(deps: IntakeDeps, entries: readonly IdentityEntry[], label: string) {
  const now = deps.now()
  const plan = planIdentities(entries, await findIdentities(deps.db, idsOf(entries)), label, now)
  return { plan, dueNow: await countFallingDue(deps.db, deps, plan.standings, now) }
}

function write(deps: IntakeDeps, entries: readonly IdentityEntry[], label: string) {
  return inTransaction(deps.db, async (tx) => {
    const now = deps.now()
    const plan = planIdentities(entries, await lockIdentities(tx, idsOf(entries), 'update'), label, now)
    return { plan, dueNow: await writePlan(tx, deps, plan, now) }
  })
}

/** Writes a plan in the transaction that its identities are locked in; answers how many credentials fell due. */
export async function writePlan(tx: Tx, deps: IntakeDeps, plan: IdentityPlan, now: Temporal.Instant): Promise<number> {
  // Before too: whoever is taken back now, or gets another address, may have left by the clock a moment ago.
  if (plan.updates.length > 0) await endThoseAway(tx, deps.actor, now)
  await insertIdentities(tx, plan.inserts, now)
  await updateIdentities(tx, plan.updates, now)
  if ([...plan.inserts, ...plan.updates].some((write) => hasPassed(write.terminated_at, now)))
    await endThoseAway(tx, deps.actor, now)
  const back = plan.standings.filter(({ terminatedAt }) => terminatedAt === null).map(({ identityId }) => identityId)
  await releaseSubjects(tx, back)
  for (const subject of await endHandoversOf(tx, back, deps.actor, now))
    await audit(tx, {
      actor: deps.actor,
      action: 'handover.cancel',
      subject,
      detail: { note: 'the leaver is here again' },
      at: now,
    })
  const dueNow = plan.standings.length === 0 ? 0 : await followStandings(tx, deps, plan.standings, now)
  if (deps.onOwnership !== undefined) {
    const ownerships = await ownershipsOf(tx, plan.touched, now)
    if (ownerships.length > 0) await deps.onOwnership(tx, ownerships, now)
  }
  return dueNow
}

function hasPassed(at: string | null, now: Temporal.Instant): boolean {
  return at !== null && Temporal.Instant.compare(at, now) <= 0
}

function idsOf(entries: readonly IdentityEntry[]): string[] {
  return entries.map((entry) => entry.externalId)
}
